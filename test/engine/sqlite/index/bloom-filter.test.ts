import { expect, test } from "bun:test";
import { BloomFilter } from "../../../../src/engine/sqlite/index/bloom-filter.ts";
import { messageKey } from "../../../../src/engine/sqlite/index/message-key.ts";
import { Random, seeds } from "../../../support/random.ts";

for (const seed of seeds(1, 2)) {
  test(`D3 the filter finds every added key, up to its capacity (seed ${seed})`, () => {
    const random = new Random(seed);
    const filter = BloomFilter.sized(1);
    // Normal keys, and keys that differ in a few bits only.
    const keys = Array.from({ length: filter.capacity }, (_, i) =>
      i % 2 === 0
        ? messageKey(seed, 1, "anna", String(i))
        : random.between(0, 2 ** 20) * 2 ** random.between(0, 32),
    );
    for (const key of keys) filter.add(key);
    expect(keys.filter((key) => !filter.mayHave(key))).toEqual([]);
  });
}

test("D3 a full filter returns `maybe` for few unknown names, and an empty one for none", () => {
  const filter = BloomFilter.sized(100_000);
  expect(filter.capacity).toBeGreaterThanOrEqual(100_000);
  const strangers = Array.from({ length: 20_000 }, (_, i) => messageKey(7, 2, "ben", `stranger ${i}`));
  expect(strangers.filter((key) => filter.mayHave(key))).toEqual([]);
  for (let i = 0; i < filter.capacity; i++) filter.add(messageKey(7, 1, "anna", String(i)));
  expect(strangers.filter((key) => filter.mayHave(key)).length).toBeLessThan(strangers.length / 100);
});

test("D3 a filter is only its memory: one thread finds what another thread added", () => {
  const adding = BloomFilter.sized(10);
  const asking = new BloomFilter(adding.memory);
  expect(asking.mayHave(123_456_789)).toBe(false);
  adding.add(123_456_789);
  expect(asking.mayHave(123_456_789)).toBe(true);
  expect(asking.capacity).toBe(adding.capacity);
});
