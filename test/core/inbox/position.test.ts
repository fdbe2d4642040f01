import { expect, test } from "bun:test";
import {
  changesSince,
  decodePosition,
  encodePosition,
  POSITION_SLACK_MS,
  scopeOf,
} from "../../../src/core/inbox/position.ts";

const NOW = { store: "3f9a01bc", time: 1_795_437_965_658, scope: "0" };
const MONTH = 30 * 86_400_000;

test("IN3 a position is a text that names store, time and scope", () => {
  expect(decodePosition(encodePosition(NOW))).toEqual(NOW);
  for (const text of ["", "1", "a.b", "a.b.c.d", "a.-1.0", "a b.1.0", "a.1.", `${"x".repeat(65)}.1.0`])
    expect(decodePosition(text)).toBeUndefined();
});

test("IN3 changes are sent from a little before the position on", () => {
  const after = { ...NOW, time: NOW.time - 60_000 };
  expect(changesSince(after, NOW, MONTH)).toBe(NOW.time - 60_000 - POSITION_SLACK_MS);
  // The clock of another primary may be behind the one that gave the position.
  expect(changesSince({ ...NOW, time: NOW.time + 500 }, NOW, MONTH)).toBe(NOW.time + 500 - POSITION_SLACK_MS);
});

test("IN3 the list begins again for another store, another token, and a position older than what is remembered", () => {
  expect(changesSince({ ...NOW, store: "other" }, NOW, MONTH)).toBeUndefined();
  expect(changesSince({ ...NOW, scope: "abc" }, NOW, MONTH)).toBeUndefined();
  expect(changesSince({ ...NOW, time: NOW.time - MONTH }, NOW, MONTH)).toBeUndefined();
  expect(changesSince({ ...NOW, time: NOW.time - MONTH + 2 * POSITION_SLACK_MS }, NOW, MONTH)).toBeNumber();
});

test("IN3 the scope of a token is the same for the same set of patterns", () => {
  expect(scopeOf({})).toBe("0");
  expect(scopeOf({ conversations: ["a", "b-*"] })).toBe(scopeOf({ conversations: ["b-*", "a", "a"] }));
  expect(scopeOf({ rights: ["read"] })).toBe(scopeOf({}));
  const others = [
    {},
    { conversations: [] },
    { conversations: ["a"] },
    { conversations: ["a*"] },
    { conversations: ["a", "b"] },
    { rights: ["write" as const] },
  ];
  expect(new Set(others.map(scopeOf)).size).toBe(others.length);
});
