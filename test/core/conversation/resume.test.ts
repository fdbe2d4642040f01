import { expect, test } from "bun:test";
import {
  countNewestThatFit,
  knowsRemoved,
  MAX_RECENT_BYTES,
  planResume,
  type ResumePlan,
  type ResumeRequest,
} from "../../../src/core/conversation/resume.ts";

const HEAD = { seq: 10, first: 1, epoch: "e.1" };

function plan(request: Partial<ResumeRequest> | undefined, head = HEAD): ResumePlan {
  return planResume(request && { after: undefined, epoch: undefined, last: undefined, ...request }, head);
}

/** A plan with the fields that a test does not name as they are where there is nothing special. */
function planned(fields: Partial<ResumePlan>): ResumePlan {
  return { resumed: true, from: 10, lost: undefined, skipped: undefined, recentCount: undefined, ...fields };
}

test("D4 who comes back is sent what it missed", () => {
  expect(plan({ after: 7, epoch: "e.1" })).toEqual(planned({ from: 7 }));
  expect(plan({ after: 0 })).toEqual(planned({ from: 0 }));
  expect(plan({ after: 10, epoch: "e.1" })).toEqual(planned({ from: 10 }));
});

test("D4 who comes for the first time is sent what is said from now on", () => {
  expect(plan(undefined)).toEqual(planned({ resumed: false }));
});

test("D5 what is no longer kept is told, and the rest is sent", () => {
  const head = { ...HEAD, first: 6 };
  expect(plan({ after: 2, epoch: "e.1" }, head)).toEqual(planned({ from: 5, lost: { first: 3, last: 5 } }));
  expect(plan({ after: 5, epoch: "e.1" }, head)).toEqual(planned({ from: 5 }));
  expect(plan({ after: 2, epoch: "e.1" }, { ...HEAD, first: 11 })).toEqual(
    planned({ lost: { first: 3, last: 10 } }),
  );
});

test("D5 another epoch, or a seq that was never given, is not resumed", () => {
  expect(plan({ after: 7, epoch: "f.1" })).toEqual(planned({ resumed: false }));
  expect(plan({ after: 11, epoch: "e.1" })).toEqual(planned({ resumed: false }));
});

test("MX7 who asks for the newest messages is shown them, and sent as news what comes after", () => {
  expect(plan({ last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
  expect(plan({ last: 0 })).toEqual(planned({ resumed: false, recentCount: 0 }));
  expect(plan({ after: 7, epoch: "f.1", last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
  expect(plan({ after: 11, epoch: "e.1", last: 3 })).toEqual(planned({ resumed: false, recentCount: 3 }));
});

test("MX7 who comes back and asks for the newest is sent at most those of what it missed, and told which were skipped", () => {
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

test("MX7 B1 of long messages only as many of the newest are shown as fit, and at least one", () => {
  expect(countNewestThatFit([])).toBe(0);
  expect(countNewestThatFit([1, 2, 3])).toBe(3);
  expect(countNewestThatFit([MAX_RECENT_BYTES * 2])).toBe(1);
  expect(countNewestThatFit([1, MAX_RECENT_BYTES * 2])).toBe(1);
  expect(countNewestThatFit(Array.from({ length: 50 }, () => 65_536))).toBe(MAX_RECENT_BYTES / 65_536);
});

test("MB6 a client that knows the conversation of before a removal is refused, with `after` and without", () => {
  const head = { ...HEAD, epoch: "e.2" };
  const knows = (epoch: string | undefined, after?: number) =>
    knowsRemoved({ after, epoch, last: undefined }, head);
  for (const after of [undefined, 0, 7, 10, 99])
    for (const epoch of ["e.0", "e.1"]) expect(knows(epoch, after)).toBe(true);
  expect(knows("e.2", 7)).toBe(false);
  expect(knows(undefined, 7)).toBe(false);
  expect(knowsRemoved(undefined, head)).toBe(false);
});

test("MB6 whoever names no epoch, another store's, or one that cannot be, begins anew", () => {
  const head = { ...HEAD, epoch: "e.2" };
  const anew = planned({ resumed: false });
  for (const epoch of ["f.1", "e.3", "e", "e.", ".1", "", "e.x", "e.-1", `e.${"9".repeat(99)}`, "e.1.1"]) {
    expect([epoch, knowsRemoved({ after: 7, epoch, last: undefined }, head)]).toEqual([epoch, false]);
    expect([epoch, plan({ after: 7, epoch }, head)]).toEqual([epoch, anew]);
  }
  expect(plan({ epoch: "e.2" }, head)).toEqual(anew);
});
