import { expect, test } from "bun:test";
import { Memtable } from "../../../../src/engine/sqlite/index/memtable.ts";
import { Random, seeds } from "../../../support/random.ts";

test("D3 messages that share a key are all found by it, and each is removed alone", () => {
  const tail = new Memtable();
  tail.add(1, 7, 1, 99);
  tail.add(2, 8, 1, 99);
  tail.add(3, 7, 2, 99);
  tail.add(4, 7, 3, 11);
  expect(tail.withKey(99)).toEqual([1, 2, 3]);
  tail.forget(1, 10);
  expect(tail.withKey(99)).toEqual([2, 3]);
  tail.forget(3, 10);
  expect(tail.withKey(99)).toEqual([]);
  expect(tail.withKey(11)).toEqual([4]);
  expect([tail.firstSeq(7), tail.lastSeq(7), tail.position(7, 3)]).toEqual([3, 3, 4]);
  expect(tail.firstSeq(8)).toBeUndefined();
});

for (const seed of seeds(1, 2, 3)) {
  test(`D1 D3 random additions and removals agree with a plain list (seed ${seed})`, () => {
    const random = new Random(seed);
    const tail = new Memtable();
    const seqs = [0, 0, 0, 0];
    let rows: { position: number; conversation: number; seq: number; key: number }[] = [];
    let position = 0;
    for (let step = 0; step < 400; step++) {
      for (let i = random.between(0, 20); i > 0; i--) {
        const conversation = random.between(0, seqs.length - 1);
        seqs[conversation] = seqs[conversation]! + 1;
        // Few keys, so that they are shared all the time. Positions may have holes.
        position += random.between(1, 2);
        const row = { position, conversation, seq: seqs[conversation]!, key: random.between(1, 12) };
        tail.add(row.position, row.conversation, row.seq, row.key);
        rows.push(row);
      }
      const [indexed, budget] = [random.between(0, position + 1), random.between(0, 30)];
      tail.forget(indexed, budget);
      const forgettable = rows.filter((row) => row.position <= indexed).length;
      rows = rows.slice(Math.min(budget, forgettable));

      expect(tail.size).toBe(rows.length);
      for (let key = 0; key <= 12; key++)
        expect(tail.withKey(key)).toEqual(rows.filter((row) => row.key === key).map((row) => row.position));
      for (const conversation of seqs.keys()) {
        const own = rows.filter((row) => row.conversation === conversation);
        expect(tail.firstSeq(conversation)).toBe(own[0]?.seq as number);
        expect(tail.lastSeq(conversation)).toBe(own.at(-1)?.seq as number);
        for (const row of own) expect(tail.position(conversation, row.seq)).toBe(row.position);
      }
    }
    tail.clear();
    expect([tail.size, tail.withKey(1), tail.lastSeq(0)]).toEqual([0, [], undefined]);
  });
}
