import { expect, test } from "bun:test";
import {
  TYPING_INTERVAL_MS,
  TYPING_TIMEOUT_MS,
  TypingTracker,
} from "../../../../src/core/conversation/presence/typing.ts";
import { Random, seeds } from "../../../support/random.ts";

test("typing is reported at once, and expires", () => {
  const board = new TypingTracker();
  board.set("anna", true, 0);
  expect(board.takeChanges(0)).toEqual([{ user: "anna", active: true }]);
  expect(board.takeChanges(TYPING_TIMEOUT_MS - 1)).toEqual([]);
  expect(board.takeChanges(TYPING_TIMEOUT_MS)).toEqual([{ user: "anna", active: false }]);
  expect(board.hasTypists).toBe(true);
  expect(board.takeChanges(TYPING_TIMEOUT_MS + TYPING_INTERVAL_MS)).toEqual([]);
  expect(board.hasTypists).toBe(false);
});

test("continued typing is reported once, however often it is sent", () => {
  const board = new TypingTracker();
  let reported = 0;
  for (let now = 0; now < 60_000; now += 100) {
    board.set("anna", true, now);
    reported += board.takeChanges(now).length;
  }
  expect(reported).toBe(1);
});

test("changes are reduced to one a second, and the last one is reported in the end", () => {
  const board = new TypingTracker();
  const reported: [number, boolean][] = [];
  for (let now = 0; now <= 5_000; now += 50) {
    if (now < 3_000) board.set("anna", now % 100 === 0, now);
    for (const { active } of board.takeChanges(now)) reported.push([now, active]);
  }
  for (let i = 1; i < reported.length; i++)
    expect(reported[i]![0] - reported[i - 1]![0]).toBeGreaterThanOrEqual(TYPING_INTERVAL_MS);
  expect(reported.at(-1)?.[1]).toBe(false);
});

test("a stop whose start was not reported is not reported", () => {
  const board = new TypingTracker();
  board.set("anna", false, 0);
  expect(board.takeChanges(0)).toEqual([]);
  expect(board.hasTypists).toBe(false);
});

test("P3 other nodes receive that a user types, and again before it expires there, but no more than that", () => {
  const board = new TypingTracker();
  const passed: number[] = [];
  for (let now = 0; now < 10_000; now += 100) if (board.recordOwn("anna", true, now)) passed.push(now);
  expect(passed).toEqual([0, 3_000, 6_000, 9_000]);
  expect(board.recordOwn("anna", false, 10_000)).toBe(true);
  expect(board.recordOwn("anna", false, 10_000)).toBe(false);
});

test("P3 a user who turns typing on and off is published once a second", () => {
  const board = new TypingTracker();
  let passed = 0;
  for (let now = 0; now < 5_000; now += 50) if (board.recordOwn("anna", now % 100 === 0, now)) passed++;
  expect(passed).toBe(10);
});

test("P3 a message ends the typing on every node, so the next typing is published", () => {
  const board = new TypingTracker();
  expect(board.recordOwn("anna", true, 0)).toBe(true);
  board.set("anna", false, 1_000);
  expect(board.recordOwn("anna", true, 1_000)).toBe(true);
});

test("LR3 in a large conversation at most five users are shown typing; another one when one of them has stopped", () => {
  const board = new TypingTracker();
  const shown = new Set<string>();
  const take = (now: number) => {
    const changes = board.takeChanges(now, true);
    for (const { user, active } of changes) shown[active ? "add" : "delete"](user);
    expect(shown.size).toBeLessThanOrEqual(5);
    return changes.length;
  };
  for (let now = 0; now < 5_000; now += 250) {
    for (let i = 0; i < 1_000; i++) board.set(`user-${i}`, true, now, true);
    take(now);
  }
  expect([...shown]).toEqual(["user-0", "user-1", "user-2", "user-3", "user-4"]);
  board.set("user-2", false, 5_000, true);
  for (let now = 5_000; now <= 7_000; now += 250) {
    board.set("user-999", true, now, true);
    take(now);
  }
  expect([...shown]).toEqual(["user-0", "user-1", "user-3", "user-4", "user-999"]);
});

test("LR3 when a conversation becomes large, the typing of all but five ends", () => {
  const board = new TypingTracker();
  for (let i = 0; i < 20; i++) board.set(`user-${i}`, true, 0);
  expect(board.takeChanges(0)).toHaveLength(20);
  const ended = Array.from({ length: 15 }, (_, i) => ({ user: `user-${i + 5}`, active: false }));
  expect(board.takeChanges(0, true)).toEqual(ended);
  expect(board.takeChanges(1_000, true)).toEqual([]);
});

test.each(seeds(1, 2))(
  "LR4 seed %d: members of a large conversation get two typing frames a second at most",
  (seed) => {
    const random = new Random(seed);
    const board = new TypingTracker();
    const sentAt: number[] = [];
    for (let now = 0; now < 60_000; now += 50) {
      for (let i = 0; i < 5; i++)
        board.set(`user-${random.between(0, 1_000)}`, random.next() < 0.5, now, true);
      for (const _ of board.takeChanges(now, true)) sentAt.push(now);
    }
    for (let i = 2; i < sentAt.length; i++) expect(sentAt[i]! - sentAt[i - 2]!).toBeGreaterThanOrEqual(1_000);
    expect(sentAt.length).toBeGreaterThan(60);
  },
);

test("P3 who leaves while typing is shown to have stopped at once, also within the interval", () => {
  const tracker = new TypingTracker();
  tracker.set("ben", true, 0);
  expect(tracker.takeChanges(0)).toEqual([{ user: "ben", active: true }]);
  expect(tracker.leave("ben", 1)).toBe(true);
  expect(tracker.leave("ben", 1)).toBe(false);
  expect(tracker.takeChanges(5_000)).toEqual([]);
  tracker.set("cleo", true, 6_000);
  expect(tracker.leave("cleo", 6_000)).toBe(false);
  expect(tracker.hasTypists).toBe(false);
});

test("LR4 in a large conversation the typing of a user who left ends with the next changes", () => {
  const tracker = new TypingTracker();
  tracker.set("ben", true, 0, true);
  tracker.takeChanges(0, true);
  expect(tracker.leave("ben", 1, true)).toBe(false);
  expect(tracker.takeChanges(TYPING_INTERVAL_MS, true)).toEqual([{ user: "ben", active: false }]);
});
