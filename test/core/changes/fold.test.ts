import { expect, test } from "bun:test";
import { encodeChange, encodeFold, type FoldRequest, planFold } from "../../../src/core/changes/fold.ts";
import { MAX_FOLDS } from "../../../src/protocol/limits.ts";

const HEAD = { rev: 9, epoch: "store.1" };

test("CH2 what was missed is planned from what a client says that it has", () => {
  const request: FoldRequest = { rev: 4, epoch: "store.1", oldest: 3, after: 20 };
  const plan = (fields: Partial<FoldRequest>) => planFold({ ...request, ...fields }, HEAD);
  expect(plan({})).toEqual({ after: 4, first: 3, last: 20, count: MAX_FOLDS });
  expect(plan({ oldest: undefined })).toEqual({ after: 4, first: 1, last: 20, count: MAX_FOLDS });
  expect(plan({ rev: 0 })).toMatchObject({ after: 0 });
  expect(plan({ epoch: undefined })).toMatchObject({ after: 4 });
  const nothing: Partial<FoldRequest>[] = [
    { rev: undefined },
    { after: undefined },
    { rev: 9 },
    { rev: 10 },
    { oldest: 21 },
    { epoch: "store.0" },
    { epoch: "other.1" },
  ];
  for (const fields of nothing) expect([fields, plan(fields)]).toEqual([fields, undefined]);
  expect(planFold(undefined, HEAD)).toBeUndefined();
});

test("CH2 a fold holds the whole message and no change of its own, and the user's reactions", () => {
  const body = '"text":"now","rev":9,"reactions":{"1":{"count":1,"users":["ben"]}}';
  const entry = { kind: "message" as const, seq: 5, id: "a", from: "ann", at: 1, body };
  const fold = { type: "change", rev: 9, seq: 5, kind: "fold", at: 7 };
  const set = { text: "now", reactions: { 1: { count: 1, users: ["ben"] } } };
  const missed = { entry, rev: 9, changedAt: 7 };
  expect(JSON.parse(encodeFold(missed))).toEqual({ ...fold, set });
  // None, which is not the same as unknown.
  expect(JSON.parse(encodeFold({ ...missed, mine: [] }))).toEqual({ ...fold, set, mine: [] });
  expect(JSON.parse(encodeFold({ ...missed, mine: ["1"] }))).toEqual({ ...fold, set, mine: ["1"] });
});

test("CH1 a change names who has made it, and when", () => {
  const change = { rev: 2, seq: 5, kind: "edit" as const, by: "ann", at: 7, set: '{"text":"now"}' };
  expect(JSON.parse(encodeChange(change))).toEqual({ type: "change", ...change, set: { text: "now" } });
});
