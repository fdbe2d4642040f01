import { expect, test } from "bun:test";
import { estimateMemory, missingMemory } from "../../src/core/migration/memory.ts";
import type { MigrationSize } from "../../src/core/migration/records.ts";
import { explainForgottenRetention, retentionSettings } from "../../src/core/migration/retention.ts";
import { decideStart, type MigrationState, nextPhase } from "../../src/core/migration/state.ts";

const source = { id: "store", fingerprint: "f1", epoch: "e1" };
const state: MigrationState = {
  ...{
    version: 1,
    source: "store",
    fingerprint: "f1",
    epoch: "e",
    startedAt: 1,
    phase: "messages",
    after: "7",
  },
  retention: { messages: 0, days: 0 },
};
const SIZE: MigrationSize = {
  ...{ conversations: 1, messages: 1000, bytes: 64_000, leftOut: 0, members: 0, marks: 0, changes: 0 },
  ...{ reactions: 0, accounts: 0, signIns: 0, charges: 0, webhooks: 0, apiKeys: 0, streams: 0 },
};

test("OP4 a move begins on an empty target, goes on with its own, and is refused elsewhere", () => {
  const decide = (found: Partial<Parameters<typeof decideStart>[1]>, restart = false, of = source) =>
    decideStart(of, { state: undefined, occupied: undefined, ...found }, restart);
  expect(decide({})).toEqual({ type: "begin" });
  expect(decide({ state })).toEqual({ type: "resume", state });
  expect(decide({ state }, true)).toEqual({ type: "begin" });
  const refused = (decision: ReturnType<typeof decide>) =>
    decision.type === "refuse" ? decision.why : decision;
  const occupied = { what: "the key k", isStore: false };
  const other = "name another Redis, another database or another REDIS_PREFIX";
  expect(refused(decide({ occupied }))).toBe(
    `The target is not empty: it has the key k. A store is never mixed with anything else: ${other}, or remove what is there.`,
  );
  expect(refused(decide({ occupied: { ...occupied, isStore: true } }))).toBe(
    `The target already has a Parley store. If your move has ended, start the servers on it, and do not remove it. If it is another store, ${other}: stores are never mixed.`,
  );
  // What is there is never removed unless a move has copied it.
  expect(refused(decide({ occupied }, true))).toContain("not empty");
  expect(refused(decide({ state }, false, { ...source, id: "other" }))).toContain("of another store");
  const changed = { ...source, fingerprint: "f2" };
  expect(refused(decide({ state }, false, changed))).toContain("was changed since");
  expect(decide({ state: { ...state, phase: "finish" } }, false, changed).type).toBe("resume");
  // The epoch of the store says whether the move itself has changed it.
  const left = { ...state, phase: "finish" as const, epoch: "e1" };
  expect(refused(decide({ state: left }, false, changed))).toContain("was changed since");
});

test("OP4 the phases follow one another to the last", () => {
  let at = state;
  const seen: string[] = [];
  for (; seen.at(-1) !== at.phase; at = nextPhase(at)) seen.push(at.phase);
  expect(seen).toEqual(["messages", "conversations", "users", "rest", "check", "finish"]);
  expect(nextPhase(state).after).toBe("");
});

test("OP4 the memory of a target is compared with an estimate, spread over its primaries", () => {
  const needed = estimateMemory(SIZE);
  expect(needed).toBe(1000 * 240 + 5_000 + 64_000);
  expect(missingMemory(needed, [{ used: 100, most: 0 }])).toBe(0);
  expect(missingMemory(needed, [{ used: 0, most: 2 * needed }])).toBe(0);
  expect(missingMemory(needed, [{ used: needed, most: 2 * needed }])).toBe(Math.round(needed * 0.25));
  const three = Array.from({ length: 3 }, () => ({ used: 0, most: needed / 2 }));
  expect(missingMemory(needed, three)).toBe(0);
});

test("OP4 a default that keeps less than what was carried is refused, and what an operator sets is not", () => {
  const defaults = { messages: 10_000, days: 30 };
  const explain = (messages: number, days: number, chosen = {}) =>
    explainForgottenRetention({ messages, days }, chosen, defaults);
  expect(explain(10_000, 30)).toBeUndefined();
  expect(explain(500, 7)).toBeUndefined();
  expect(explain(0, 0)).toContain(
    "moved here with RETENTION_MESSAGES=0 and RETENTION_DAYS=0, and without them",
  );
  expect(explain(20_000, 30)).toContain("Set RETENTION_MESSAGES=20000 on every server");
  expect(explain(0, 0, { retentionMessages: 0 })).toContain(
    "moved here with RETENTION_DAYS=0, and without that",
  );
  expect(explain(0, 0, { retentionMessages: 5, retentionDays: 1 })).toBeUndefined();
  expect(retentionSettings({ messages: 0, days: 30 }, defaults)).toEqual(["RETENTION_MESSAGES=0"]);
});
