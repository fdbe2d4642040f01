import { expect, test } from "bun:test";
import { nearestRank } from "../../src/protocol/nearest-rank.ts";

test("a percentile is a value that was measured: the smallest that so large a share does not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([0.5, 0.95, 0.99, 1].map((share) => nearestRank(hundred, share))).toEqual([50, 95, 99, 100]);
  expect([0, 0.5, 0.99].map((share) => nearestRank([7], share))).toEqual([7, 7, 7]);
  expect(nearestRank([1, 2, 3, 4], 0.5)).toBe(2);
  expect(
    nearestRank(
      new Float64Array(1000).map((_, index) => index + 1),
      0.999,
    ),
  ).toBe(999);
});

test("of no values there is no percentile", () => {
  expect(nearestRank([], 0.5)).toBeUndefined();
});
