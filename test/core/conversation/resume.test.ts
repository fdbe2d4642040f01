import { expect, test } from "bun:test";
import {
  countNewestThatFit,
  knowsRemoved,
  MAX_RECENT_BYTES,
  planResume,
  type ResumePlan,
  type ResumeRequest,
} from "../../../src/core/conversation/resume.ts";

const HEAD = { seq: 10, first: 1, epoch: "e.1", rev: 0 };

function plan(request: Partial<ResumeRequest> | undefined, head = HEAD): ResumePlan {
  return planResume(request && { after: undefined, epoch: undefined, last: undefined, ...request }, head);
}

/** A plan with the fields that a test does not name as they are where there is nothing special. */
function planned(fields: Partial<ResumePlan>): ResumePlan {
  return { resumed: true, from: 10, lost: undefined, skipped: undefined, recentCount: undefined, ...fields };
}

test("D4 a returning client is sent the messages it missed", () => {
  expect(plan({ after: 7, epoch: "e.1" })).toEqual(planned({ from: 7 }));
  expect(plan({ after: 0 })).toEqual(planned({ from: 0 }));
  expect(plan({ after: 10, epoch: "e.1" })).toEqual(planned({ from: 10 }));
});

test("D4 a new client is sent messages from now on", () => {
  expect(plan(undefined)).toEqual(planned({ resumed: false }));
});

test("D5 removed messages are reported, and the rest is sent", () => {
  const head = { ...HEAD, first: 6 };
  expect(plan({ after: 2, epoch: "e.1" }, head)).toEqual(planned({ from: 5, lost: { first: 3, last: 5 } }));
  expect(plan({ after: 5, epoch: "e.1" }, head)).toEqual(planned({ from: 5 }));
  expect(plan({ after: 2, epoch: "e.1" }, { ...HEAD, first: 11 })).toEqual(
    planned({ lost: { first: 3, last: 10 } }),
  );
});

test("D5 another epoch, or a seq that was never assigned, is not resumed", () => {
  expect(plan({ after: 7, epoch: "f.1" })).toEqual(planned({ resumed: false }));
  expect(plan({ after: 11, epoch: "e.1" })).toEqual(planned({ resumed: false }));
});

test("MX7 a client that asks for the newest messages gets them as history, and later ones as messages", () => {
  expect(plan({ last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
  expect(plan({ last: 0 })).toEqual(planned({ resumed: false, recentCount: 0 }));
  expect(plan({ after: 7, epoch: "f.1", last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
  expect(plan({ after: 11, epoch: "e.1", last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
});

test("MX7 a resume with the newest messages sends at most those, and reports the skipped ones", () => {
  expect(plan({ after: 4, epoch: "e.1", last: 3 })).toEqual(
    planned({ from: 7, skipped: { first: 5, last: 7 } }),
  );
  expect(plan({ after: 4, last: 6 })).toEqual(planned({ from: 4 }));
  expect(plan({ after: 9, last: 0 })).toEqual(planned({ skipped: { first: 10, last: 10 } }));
  expect(plan({ after: 10, last: 0 })).toEqual(planned({}));
  const head = { ...HEAD, first: 6 };
  expect(plan({ after: 2, last: 2 }, head)).toEqual(
    planned({ from: 8, lost: { first: 3, last: 5 }, skipped: { first: 6, last: 8 } }),
  );
});

test("MX7 B1 of long messages only as many of the newest are sent as fit, and at least one", () => {
  expect(countNewestThatFit([])).toBe(0);
  expect(countNewestThatFit([1, 2, 3])).toBe(3);
  expect(countNewestThatFit([MAX_RECENT_BYTES * 2])).toBe(1);
  expect(countNewestThatFit([1, MAX_RECENT_BYTES * 2])).toBe(1);
  expect(countNewestThatFit(Array.from({ length: 50 }, () => 65_536))).toBe(MAX_RECENT_BYTES / 65_536);
});

test("MB6 a client from before a removal is refused, with `after` and without", () => {
  const head = { ...HEAD, epoch: "e.2" };
  const knows = (epoch: string | undefined, after?: number) =>
    knowsRemoved({ after, epoch, last: undefined }, head);
  for (const after of [undefined, 0, 7, 10, 99])
    for (const epoch of ["e.0", "e.1"]) expect(knows(epoch, after)).toBe(true);
  expect(knows("e.2", 7)).toBe(false);
  expect(knows(undefined, 7)).toBe(false);
  expect(knowsRemoved(undefined, head)).toBe(false);
});

test("MB6 a client without an epoch, or with another store's or an impossible one, starts from the beginning", () => {
  const head = { ...HEAD, epoch: "e.2" };
  const fresh = planned({ resumed: false });
  for (const epoch of ["f.1", "e.3", "e", "e.", ".1", "", "e.x", "e.-1", `e.${"9".repeat(99)}`, "e.1.1"]) {
    expect([epoch, knowsRemoved({ after: 7, epoch, last: undefined }, head)]).toEqual([epoch, false]);
    expect([epoch, plan({ after: 7, epoch }, head)]).toEqual([epoch, fresh]);
  }
  expect(plan({ epoch: "e.2" }, head)).toEqual(fresh);
});
