import { expect, test } from "bun:test";
import { KeyTable } from "../../../../src/engine/sqlite/index/key-table.ts";
import { Random, seeds } from "../../../support/random.ts";

/** A key; half of the random numbers alone would be the bits that the table keeps. */
const keyOf = (random: Random) => random.between(0, 2 ** 21 - 1) * 2 ** 32 + random.between(0, 2 ** 32 - 1);

/** The part of a key that the table keeps. */
const keptOf = (key: number) => key % 2 ** 31;

for (const seed of seeds(1, 2, 3, 4))
  test(`D3 random additions and removals agree with a Map, also where positions pass 2^32 (seed ${seed})`, () => {
    const random = new Random(seed);
    const table = new KeyTable();
    const model = new Map<number, number[]>();
    const added: { key: number; position: number }[] = [];
    let position = 2 ** 32 - 3_000;
    // It grows to some thousands, and is emptied twice.
    for (const [additions, removals] of [
      [9, 3],
      [2, 12],
      [9, 1],
      [0, 9],
    ] as const) {
      for (let step = 0; step < 1_000 && (step === 0 || added.length > 0); step++) {
        for (let i = random.between(0, additions); i > 0; i--) {
          position += random.between(1, 2);
          const isShared = added.length > 0 && random.between(0, 9) === 0;
          const key = isShared ? random.pick(added).key : keyOf(random);
          table.add(key, position);
          model.set(keptOf(key), [...(model.get(keptOf(key)) ?? []), position]);
          added.push({ key, position });
        }
        for (let i = Math.min(removals, added.length); i > 0; i--) {
          const [one] = added.splice(random.between(0, 1) * random.between(0, added.length - 1), 1);
          table.remove(one!.key, one!.position);
          const kept = keptOf(one!.key);
          model.set(
            kept,
            model.get(kept)!.filter((other) => other !== one!.position),
          );
        }
        for (const key of [added.length === 0 ? 1 : random.pick(added).key, keyOf(random)])
          expect(table.withKey(key)).toEqual(model.get(keptOf(key)) ?? []);
      }
      for (const [key, positions] of model) expect(table.withKey(key)).toEqual(positions);
    }
    table.clear();
    for (const { key } of added) expect(table.withKey(key)).toEqual([]);
  });

test("D3 entries that all belong in the same place are found and removed", () => {
  const table = new KeyTable();
  const key = (i: number) => i * 2 ** 31;
  for (let i = 1; i <= 500; i++) table.add(key(i), i);
  for (let i = 1; i <= 500; i += 2) table.remove(key(i), i);
  // What the table keeps of these keys is the same, so each finds all.
  const even = Array.from({ length: 250 }, (_, i) => 2 * (i + 1));
  expect(table.withKey(key(1))).toEqual(even);
  for (const i of even) table.remove(key(i), i);
  expect(table.withKey(key(2))).toEqual([]);
});

test("D3 a position that is not in the table cannot be removed", () => {
  const table = new KeyTable();
  table.add(5, 1);
  expect(() => table.remove(5, 2)).toThrow("The position 2 is not in the table.");
  expect(() => table.remove(6, 1)).toThrow("The position 1 is not in the table.");
  expect(table.withKey(5)).toEqual([1]);
});
