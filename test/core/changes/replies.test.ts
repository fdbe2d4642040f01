import { describe, expect, test } from "bun:test";
import { changeOf, changeReply } from "../../../src/core/changes/replies.ts";
import type { ChangeResult } from "../../../src/core/ports/conversation/changes.ts";
import { stepMembership } from "../../../src/core/session/membership.ts";
import { openMembership } from "../../../src/core/session/membership-state.ts";
import { outside, stepUserConversation } from "../../../src/core/session/user/step.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";

const QUOTA = { limit: 100, remaining: 99, reset: 3600 };

/** Of each outcome: what is sent, and whether the conversation ends. */
const REPLIES: readonly [ChangeResult, object | undefined, string?][] = [
  [
    { outcome: "changed", seq: 3, rev: 7, at: 5, quota: QUOTA },
    { type: "ack", id: "c1", seq: 3, at: 5, rev: 7, quota: QUOTA },
  ],
  [
    { outcome: "duplicate", seq: 3, rev: 7, at: 5, quota: QUOTA },
    { type: "ack", id: "c1", seq: 3, at: 5, rev: 7, duplicate: true, quota: QUOTA },
  ],
  [
    { outcome: "duplicate", seq: 3, at: 5, quota: null },
    { type: "ack", id: "c1", seq: 3, at: 5, duplicate: true, quota: null },
  ],
  [
    { outcome: "conflict", rev: 4 },
    { code: "conflict", rev: 4 },
  ],
  [
    { outcome: "conflict", rev: 0 },
    { code: "conflict", rev: 0 },
  ],
  [
    { outcome: "other_epoch", epoch: "e.1" },
    { code: "conflict", epoch: "e.1" },
  ],
  [{ outcome: "id_in_use" }, { code: "conflict" }],
  [{ outcome: "not_found" }, { code: "not_found" }],
  [{ outcome: "erased" }, { code: "erased" }],
  [{ outcome: "too_late" }, { code: "too_late" }],
  [{ outcome: "not_own" }, { code: "forbidden" }],
  [{ outcome: "empty" }, { code: "invalid" }],
  [{ outcome: "too_large" }, { code: "too_large" }],
  [{ outcome: "too_many_reactions" }, { code: "invalid" }],
  [
    { outcome: "muted", until: 9 },
    { code: "muted", until: 9 },
  ],
  [{ outcome: "unavailable" }, { code: "unavailable", retry_after: 1 }],
  [
    { outcome: "rate_limited", retryAfter: 1500, quota: QUOTA },
    { code: "rate_limited", retry_after: 1.5, quota: QUOTA },
  ],
  [{ outcome: "removed" }, undefined, "removed"],
  [{ outcome: "forbidden" }, undefined, "forbidden"],
  [{ outcome: "banned" }, undefined, "banned"],
];

describe("the reply to a change", () => {
  for (const [result, frame, ends] of REPLIES)
    test(`CH4 ${JSON.stringify(result)}`, () => {
      const { frame: sent, ending } = changeReply("lobby", { id: "c1" }, result);
      expect<string | undefined>(ending?.error?.code).toBe(ends);
      if (frame === undefined) expect(sent).toBeUndefined();
      else if ("type" in frame) expect(sent).toEqual(frame as never);
      else {
        expect(sent).toEqual({ type: "error", id: "c1", message: expect.any(String), ...frame } as never);
        expect(Object.keys(ERRORS)).toContain((frame as { code: string }).code);
      }
    });

  test("CH4 a change without an id is acked without one", () => {
    const { frame } = changeReply("lobby", {}, { outcome: "changed", seq: 3, rev: 7, at: 5, quota: null });
    expect(frame).toEqual({ type: "ack", seq: 3, at: 5, rev: 7, quota: null });
  });

  test("CH4 the quota of an ack is reported to the connection", () => {
    const result = { outcome: "changed", seq: 3, rev: 7, at: 5, quota: QUOTA } as const;
    const event = { type: "replied", reply: changeReply("lobby", { id: "c1" }, result) } as const;
    expect(stepMembership(openMembership(undefined), event, { maxWaiting: 32 }).effects.at(-1)).toEqual({
      type: "answered",
      quota: QUOTA,
    });
  });

  test("MX3 a change of a conversation that is not open is refused with its id", () => {
    const state = outside({ read: undefined, write: undefined }, 1);
    const reply = changeReply("lobby", { id: "c1" }, { outcome: "forbidden" });
    const { effects } = stepUserConversation(state, { type: "replied", reply });
    expect(effects.filter(({ type }) => type === "send")).toEqual([
      { type: "send", frame: expect.objectContaining({ type: "error", code: "forbidden", id: "c1" }) },
    ]);
  });
});

test("CH4 what a frame does not name stays, and null drops data", () => {
  expect(changeOf({ type: "edit", seq: 1, text: "a" })).toEqual({ kind: "edit", text: "a" });
  expect(changeOf({ type: "edit", seq: 1, data: null, if_rev: 0 })).toEqual({
    kind: "edit",
    data: null,
    ifRev: 0,
  });
  expect(changeOf({ type: "edit", seq: 1, data: { a: 1 } })).toEqual({ kind: "edit", data: '{"a":1}' });
  expect(changeOf({ type: "erase", seq: 1 })).toEqual({ kind: "erase" });
  expect(changeOf({ type: "react", seq: 1, reaction: "👍", on: false })).toEqual({
    kind: "react",
    reaction: "👍",
    on: false,
  });
});
