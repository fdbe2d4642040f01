import { expect, test } from "bun:test";
import { RepeatFilter } from "../../../src/server/log/repeat-filter.ts";

const SPAN = 10_000;

const at = (key: string, capacity = 10, name = "*") => ({ key, groups: [{ name, capacity }] });

test("SEC-P2 the first of a kind is reported, and its repeats once with their count at the end of the window", () => {
  const thinning = new RepeatFilter<string>(SPAN);
  expect(thinning.offer(at("a"), "first", 0)).toBe(true);
  expect(thinning.offer(at("a"), "second", 1)).toBe(false);
  expect(thinning.offer(at("a"), "third", 9_999)).toBe(false);
  expect(thinning.takeEnded(9_999)).toEqual([]);
  expect(thinning.takeEnded(10_000)).toEqual([{ repeated: 2, latest: "third", mixed: false }]);
  expect(thinning.takeEnded(20_000)).toEqual([]);
  expect(thinning.offer(at("a"), "fourth", 20_000)).toBe(true);
});

test("SEC-P2 an event without repeats is not reported again, and keys are independent", () => {
  const thinning = new RepeatFilter<string>(SPAN);
  expect(thinning.offer(at("a"), "a", 0)).toBe(true);
  expect(thinning.offer(at("b"), "b", 5_000)).toBe(true);
  thinning.offer(at("b"), "b again", 5_001);
  expect(thinning.takeEnded(10_000)).toEqual([]);
  expect(thinning.takeEnded(15_000)).toEqual([{ repeated: 1, latest: "b again", mixed: false }]);
});

test("SEC-P2 B1 a flood of new keys counts as one, and uses no more memory than the capacity", () => {
  const thinning = new RepeatFilter<number>(SPAN);
  let reported = 0;
  for (let i = 0; i < 10_000; i++) if (thinning.offer(at(`key ${i}`, 100), i, 0)) reported++;
  expect(reported).toBe(101);
  expect(thinning.takeEnded(SPAN)).toEqual([{ repeated: 9_899, latest: 9_999, mixed: true }]);
});

test("SEC-P2 a full group takes no room from another, and has room again when its windows have ended", () => {
  const thinning = new RepeatFilter<string>(SPAN);
  for (let i = 0; i < 50; i++) thinning.offer(at(`stranger ${i}`, 10, "strangers"), "x", 0);
  for (let i = 0; i < 10; i++) expect(thinning.offer(at(`user ${i}`, 10, "users"), "x", 0)).toBe(true);
  thinning.takeEnded(SPAN);
  for (let i = 0; i < 10; i++) expect(thinning.offer(at(`new ${i}`, 10, "strangers"), "x", SPAN)).toBe(true);
});

test("SEC-P2 one member of a group gets a limited part of its room, and the rest is counted for that member", () => {
  const thinning = new RepeatFilter<string>(SPAN);
  const of = (one: string, key: string) => ({
    key: `${one} ${key}`,
    groups: [
      { name: one, capacity: 2 },
      { name: "all", capacity: 5 },
    ],
  });
  const offered = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((key) =>
    thinning.offer(of(key[0]!, key), key, 0),
  );
  // a1, a2 and what is beyond; b1, b2; then the whole is full, and c1 is the first of what is beyond that.
  expect(offered).toEqual([true, true, true, false, true, true, true]);
  expect(thinning.offer(of("d", "d1"), "d1", 0)).toBe(false);
  expect(thinning.takeEnded(SPAN)).toEqual([
    { repeated: 1, latest: "a4", mixed: true },
    { repeated: 1, latest: "d1", mixed: true },
  ]);
});
