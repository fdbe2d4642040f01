import { expect, test } from "bun:test";
import { Thinning } from "../../src/core/thinning.ts";

const SPAN = 10_000;

test("P2 the first of a kind is reported, its repeats are counted and told once at the end of the window", () => {
  const thinning = new Thinning<string>(SPAN, 10);
  expect(thinning.offer("a", "*", "first", 0)).toBe(true);
  expect(thinning.offer("a", "*", "second", 1)).toBe(false);
  expect(thinning.offer("a", "*", "third", 9_999)).toBe(false);
  expect(thinning.ended(9_999)).toEqual([]);
  expect(thinning.ended(10_000)).toEqual([{ repeated: 2, latest: "third" }]);
  expect(thinning.ended(20_000)).toEqual([]);
  expect(thinning.offer("a", "*", "fourth", 20_000)).toBe(true);
});

test("P2 what did not repeat is not told again, and other keys are their own", () => {
  const thinning = new Thinning<string>(SPAN, 10);
  expect(thinning.offer("a", "*", "a", 0)).toBe(true);
  expect(thinning.offer("b", "*", "b", 5_000)).toBe(true);
  thinning.offer("b", "*", "b again", 5_001);
  expect(thinning.ended(10_000)).toEqual([]);
  expect(thinning.ended(15_000)).toEqual([{ repeated: 1, latest: "b again" }]);
});

test("P2 B1 a flood of new keys is thinned as one, and takes no more memory than the capacity", () => {
  const thinning = new Thinning<number>(SPAN, 100);
  let reported = 0;
  for (let i = 0; i < 10_000; i++) if (thinning.offer(`key ${i}`, "*", i, 0)) reported++;
  expect(reported).toBe(101);
  expect(thinning.ended(SPAN)).toEqual([{ repeated: 9_899, latest: 9_999 }]);
});
