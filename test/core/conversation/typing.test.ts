import { expect, test } from "bun:test";
import {
  TYPING_INTERVAL_MS,
  TYPING_TIMEOUT_MS,
  TypingTracker,
} from "../../../src/core/conversation/typing.ts";

test("typing is told at once, and lapses by itself", () => {
  const board = new TypingTracker();
  board.set("anna", true, 0);
  expect(board.takeChanges(0)).toEqual([{ user: "anna", active: true }]);
  expect(board.takeChanges(TYPING_TIMEOUT_MS - 1)).toEqual([]);
  expect(board.takeChanges(TYPING_TIMEOUT_MS)).toEqual([{ user: "anna", active: false }]);
  expect(board.hasTypists).toBe(true);
  expect(board.takeChanges(TYPING_TIMEOUT_MS + TYPING_INTERVAL_MS)).toEqual([]);
  expect(board.hasTypists).toBe(false);
});

test("who goes on typing is told once, however often it is said", () => {
  const board = new TypingTracker();
  let told = 0;
  for (let now = 0; now < 60_000; now += 100) {
    board.set("anna", true, now);
    told += board.takeChanges(now).length;
  }
  expect(told).toBe(1);
});

test("changes are thinned to one a second, and the last one is told in the end", () => {
  const board = new TypingTracker();
  const told: [number, boolean][] = [];
  for (let now = 0; now <= 5_000; now += 50) {
    if (now < 3_000) board.set("anna", now % 100 === 0, now);
    for (const { active } of board.takeChanges(now)) told.push([now, active]);
  }
  for (let i = 1; i < told.length; i++)
    expect(told[i]![0] - told[i - 1]![0]).toBeGreaterThanOrEqual(TYPING_INTERVAL_MS);
  expect(told.at(-1)?.[1]).toBe(false);
});

test("a stop that nobody was told the start of is not told", () => {
  const board = new TypingTracker();
  board.set("anna", false, 0);
  expect(board.takeChanges(0)).toEqual([]);
  expect(board.hasTypists).toBe(false);
});

test("P3 other nodes hear that a user types, and again before it lapses there, but no more than that", () => {
  const board = new TypingTracker();
  const passed: number[] = [];
  for (let now = 0; now < 10_000; now += 100) if (board.recordOwn("anna", true, now)) passed.push(now);
  expect(passed).toEqual([0, 3_000, 6_000, 9_000]);
  expect(board.recordOwn("anna", false, 10_000)).toBe(true);
  expect(board.recordOwn("anna", false, 10_000)).toBe(false);
});

test("P3 who turns typing on and off passes it on once a second", () => {
  const board = new TypingTracker();
  let passed = 0;
  for (let now = 0; now < 5_000; now += 50) if (board.recordOwn("anna", now % 100 === 0, now)) passed++;
  expect(passed).toBe(10);
});

test("P3 what was said ends the typing on every node, so the next is passed on", () => {
  const board = new TypingTracker();
  expect(board.recordOwn("anna", true, 0)).toBe(true);
  board.set("anna", false, 1_000);
  expect(board.recordOwn("anna", true, 1_000)).toBe(true);
});
