import { expect, test } from "bun:test";
import { TYPING_INTERVAL, TYPING_LAPSE, TypingBoard } from "../../src/core/typing.ts";

test("typing is told at once, and lapses by itself", () => {
  const board = new TypingBoard();
  board.set("anna", true, 0);
  expect(board.changes(0)).toEqual([{ user: "anna", active: true }]);
  expect(board.changes(TYPING_LAPSE - 1)).toEqual([]);
  expect(board.changes(TYPING_LAPSE)).toEqual([{ user: "anna", active: false }]);
  expect(board.waits).toBe(true);
  expect(board.changes(TYPING_LAPSE + TYPING_INTERVAL)).toEqual([]);
  expect(board.waits).toBe(false);
});

test("who goes on typing is told once, however often it is said", () => {
  const board = new TypingBoard();
  let told = 0;
  for (let now = 0; now < 60_000; now += 100) {
    board.set("anna", true, now);
    told += board.changes(now).length;
  }
  expect(told).toBe(1);
});

test("changes are thinned to one a second, and the last one is told in the end", () => {
  const board = new TypingBoard();
  const told: [number, boolean][] = [];
  for (let now = 0; now <= 5_000; now += 50) {
    if (now < 3_000) board.set("anna", now % 100 === 0, now);
    for (const { active } of board.changes(now)) told.push([now, active]);
  }
  for (let i = 1; i < told.length; i++)
    expect(told[i]![0] - told[i - 1]![0]).toBeGreaterThanOrEqual(TYPING_INTERVAL);
  expect(told.at(-1)?.[1]).toBe(false);
});

test("a stop that nobody was told the start of is not told", () => {
  const board = new TypingBoard();
  board.set("anna", false, 0);
  expect(board.changes(0)).toEqual([]);
  expect(board.waits).toBe(false);
});
