// The runs of an index agree with plain maps under any order of ingesting, merging, lookups and dropping.
import { expect, test } from "bun:test";
import { BlockStore } from "../../../../../src/engine/sqlite/index/runs/block-store.ts";
import { Compactor } from "../../../../../src/engine/sqlite/index/runs/compaction.ts";
import {
  COMPACTION_FANOUT,
  MIN_RUN_ENTRIES,
} from "../../../../../src/engine/sqlite/index/runs/compaction-plan.ts";
import { ingest } from "../../../../../src/engine/sqlite/index/runs/ingest.ts";
import { RunReader } from "../../../../../src/engine/sqlite/index/runs/run-reader.ts";
import { readRuns } from "../../../../../src/engine/sqlite/index/runs/run-table.ts";
import { openIndex } from "../../../../../src/engine/sqlite/schema.ts";
import { isLong, Random, seeds } from "../../../../support/random.ts";
import { ModelledIndex } from "./model.ts";
import { encodeEntries, entryAt } from "./test-entries.ts";

/** Looks up messages by name and by number: some of them, and all of a few conversations. */
function expectFound(modelled: ModelledIndex, random: Random): void {
  const { reader, conversations, keys } = modelled;
  const all = [...conversations.keys()];
  for (let i = 0; i < 20 && all.length > 0; i++) {
    const conversation = random.pick(all);
    const own = conversations.get(conversation)!;
    const newest = Math.max(0, ...own.keys());
    const first = random.between(1, Math.max(1, newest));
    const last = first + random.between(0, 300);
    const stored = [...own.values()].filter(({ seq }) => seq >= first && seq <= last);
    // Removed messages may still be in the index; readers do not ask for them.
    const kept = Math.min(...own.keys());
    const found = reader.range(conversation, first, last).filter(({ seq }) => seq >= kept);
    expect(found).toEqual(stored.map(({ seq, position }) => ({ seq, position })));
    if (own.size > 0) expect(reader.newestSeq(conversation)).toBe(newest);
    for (const { key } of stored.slice(0, 5)) {
      const sharing = keys.get(key)!.map(({ position }) => position);
      const named = [...reader.withKey(key)];
      expect(named).toEqual(expect.arrayContaining(sharing));
      expect(new Set(named).size).toBe(named.length);
    }
  }
  for (let i = 0; i < 20; i++) {
    const stranger = random.between(0, 2 ** 31) * 2 ** 21;
    if (!keys.has(stranger)) expect([...reader.withKey(stranger)]).toEqual([]);
  }
}

/** Steps of each random test, and messages of the large index. */
const [STEPS, LARGE] = isLong ? [100, 2_000_000] : [12, 150_000];

for (const seed of seeds(1, 2, 3)) {
  test(`D1 D3 D5 ingesting, merging, dropping and lookups in any order agree with plain maps (seed ${seed})`, () => {
    const random = new Random(seed);
    using modelled = new ModelledIndex(openIndex(":memory:"));
    const conversations = random.pick([3, 50, 5_000]);
    for (let step = 0; step < STEPS; step++) {
      const many = random.between(0, 2) > 0;
      const count = many ? random.between(MIN_RUN_ENTRIES, 2 * MIN_RUN_ENTRIES) : random.between(0, 50);
      modelled.take(modelled.make(count, conversations, random));
      if (random.between(0, 3) === 0) {
        const conversation = random.between(1, conversations);
        const newest = modelled.reader.newestSeq(conversation);
        modelled.remove(conversation, random.between(1, newest + 1), random.between(1, 100));
      }
      modelled.compactor.work(random.between(0, 20_000));
      if (step % 10 === 0) expectFound(modelled, random);
    }
    // What an interrupted cleaning had left to record.
    for (const [conversation, own] of modelled.conversations)
      modelled.remove(conversation, Math.min(...own.keys()), Number.POSITIVE_INFINITY);
    modelled.compactor.work(Number.POSITIVE_INFINITY);
    expectFound(modelled, random);
    expectTidy(modelled);
    // In the end everything is removed.
    for (const conversation of [...modelled.conversations.keys()])
      modelled.remove(conversation, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, 10_000);
    modelled.compactor.work(Number.POSITIVE_INFINITY);
    expect(modelled.runs()).toEqual([]);
    for (const table of ["by_key", "by_seq"])
      expect(modelled.index.query(`select count(*) as pieces from ${table}`).get()).toEqual({ pieces: 0 });
  });
}

/** Few runs, side by side, none of which names more removed messages than kept ones; nothing of those that were merged. */
function expectTidy(modelled: ModelledIndex): void {
  const runs = modelled.runs();
  expect(runs.map(({ state }) => state)).toEqual(runs.map(() => "whole"));
  for (const { level, entries, dropped } of runs) {
    expect(runs.filter((run) => run.level === level).length).toBeLessThanOrEqual(COMPACTION_FANOUT);
    expect(dropped * 2).toBeLessThanOrEqual(entries);
  }
  for (const [i, { first, last }] of runs.entries()) {
    expect(first).toBeLessThanOrEqual(last);
    if (i > 0) expect(runs[i - 1]!.last).toBeLessThan(first);
  }
  const stored = [...modelled.conversations.values()].reduce((sum, own) => sum + own.size, 0);
  expect(runs.reduce((sum, run) => sum + run.entries - run.dropped, 0)).toBe(stored);
  for (const [table, run, bytes] of [
    ["by_key", "id >> 32", "length(entries)"],
    ["by_seq", "run", "length(places)"],
  ] as const) {
    const ids = modelled.index.query(`select distinct ${run} as run from ${table}`).all() as {
      run: number;
    }[];
    expect(ids.map(({ run }) => run).sort()).toEqual(runs.map(({ id }) => id).sort());
    // Beyond that a row has pages of its own.
    const { most } = modelled.index.query(`select max(${bytes}) as most from ${table}`).get() as {
      most: number | null;
    };
    expect(most ?? 0).toBeLessThan(4_000);
  }
}

test(`D3 ${LARGE} messages are found by name and number in a few runs, and unknown names are not`, () => {
  const conversations = 1_000;
  using index = openIndex(":memory:");
  const pieces = new BlockStore(index);
  const merger = new Compactor(index, pieces);
  const reader = new RunReader(index);
  const step = 50_000;
  for (let from = 1; from < LARGE; from += step) {
    const messages = Array.from({ length: step }, (_, i) => entryAt(from + i, conversations));
    index.transaction(() => ingest(index, pieces, encodeEntries(messages), () => {})).immediate();
    merger.work(400_000);
  }
  merger.work(Number.POSITIVE_INFINITY);
  expect(readRuns(index).length).toBeLessThanOrEqual(2 * COMPACTION_FANOUT);
  const wrong: number[] = [];
  for (let position = 1; position <= LARGE; position += 37) {
    const { key, conversation, seq } = entryAt(position, conversations);
    const found = [
      ...reader.withKey(key),
      ...reader.range(conversation, seq, seq).map((one) => one.position),
    ];
    if (found.join() !== `${position},${position}`) wrong.push(position);
  }
  for (let position = LARGE + 1; position < LARGE + 20_000; position++)
    for (const _ of reader.withKey(entryAt(position, conversations).key)) wrong.push(position);
  expect(wrong).toEqual([]);
});

test("B1 a quiet store, whose messages are indexed one by one, has few runs and few blocks", () => {
  using modelled = new ModelledIndex(openIndex(":memory:"));
  const random = new Random(3);
  for (let i = 0; i < 2_500; i++) {
    modelled.take(modelled.make(1, 20, random));
    modelled.compactor.work(1_000);
  }
  expect(modelled.runs()).toHaveLength(Math.ceil(2_500 / MIN_RUN_ENTRIES));
  expectTidy(modelled);
  expectFound(modelled, random);
});

test("D5 a floor above the indexed messages does not skip messages indexed later", () => {
  using modelled = new ModelledIndex(openIndex(":memory:"));
  const random = new Random(1);
  const [first, second] = [modelled.make(10, 1, random), modelled.make(4, 1, random)];
  modelled.take(first);
  modelled.remove(1, 15, Number.POSITIVE_INFINITY);
  modelled.remove(1, 15, Number.POSITIVE_INFINITY);
  expect(modelled.reader.cleanedBelow(1)).toBe(11);
  modelled.take(second);
  modelled.remove(1, 15, Number.POSITIVE_INFINITY);
  expect(modelled.conversations.get(1)!.size).toBe(0);
  expect(modelled.reader.cleanedBelow(1)).toBe(15);
});

test("D4 a hole in a conversation, if there is one, stays a hole", () => {
  using modelled = new ModelledIndex(openIndex(":memory:"));
  const all = modelled.make(9, 1, new Random(1));
  const kept = all.filter(({ seq }) => seq !== 3 && seq !== 7);
  // The second stretch joins the end of the first one in the same run.
  for (const part of [kept.slice(0, 4), kept.slice(4)]) modelled.take(part);
  const places = kept.map(({ seq, position }) => ({ seq, position }));
  expect(modelled.reader.range(1, 1, 9)).toEqual(places);
  expect(modelled.reader.range(1, 3, 3)).toEqual([]);
  expect([3, 4, 7, 9, 10].map((seq) => modelled.reader.nextSeq(1, seq))).toEqual([
    4,
    4,
    8,
    9,
    Number.POSITIVE_INFINITY,
  ]);
});

test("D3 a damaged block causes an error, never a wrong result", () => {
  using modelled = new ModelledIndex(openIndex(":memory:"));
  const [message] = modelled.make(1, 1, new Random(1));
  modelled.take([message!]);
  modelled.index.run("update by_key set entries = zeroblob(12)");
  modelled.index.run("update by_seq set places = zeroblob(16)");
  expect(() => [...modelled.reader.withKey(message!.key)]).toThrow("is not what was written");
  expect(() => modelled.reader.range(message!.conversation, 1, 1)).toThrow("is not what was written");
});
