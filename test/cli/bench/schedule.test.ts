import { expect, test } from "bun:test";
import { dueAt, dueCount } from "../../../src/cli/bench/schedule.ts";

test("the first message is due at once, and then one each rate-th of a second", () => {
  expect([0, 1, 2, 10].map((n) => dueAt(n, 10))).toEqual([0, 100, 200, 1000]);
  expect([0, 99.9, 100, 100.1, 1000].map((elapsed) => dueCount(elapsed, 10))).toEqual([1, 1, 2, 2, 11]);
});

test.each([1, 3, 7, 30, 999, 12_345])(
  "at %d a second a message is due from its time on, and not before",
  (rate) => {
    for (let n = 0; n < 500; n++) {
      expect(dueCount(dueAt(n, rate), rate)).toBe(n + 1);
      expect(dueCount(dueAt(n, rate) - 1e-6, rate)).toBe(n);
    }
  },
);
