import { expect, test } from "bun:test";
import {
  appendableRun,
  COMPACTION_FANOUT,
  MAX_RUN_SPAN,
  MIN_RUN_ENTRIES,
  nextCompaction,
} from "../../../../../src/engine/sqlite/index/runs/compaction-plan.ts";
import type { Run } from "../../../../../src/engine/sqlite/index/runs/run-table.ts";

/** Runs side by side, of so many positions each, the oldest first. */
function row(...given: (Partial<Run> & { covers?: number })[]): Run[] {
  let last = 0;
  return given.map(({ covers = 10_000, ...own }, i) => {
    const first = last + 1;
    last += covers;
    return {
      id: i + 1,
      state: "whole",
      first,
      last,
      level: 0,
      buckets: 1,
      entries: 10_000,
      dropped: 0,
      at_conversation: 0,
      at_seq: 0,
      at_bucket: 0,
      ...own,
    };
  });
}

const times = (count: number, one: Partial<Run> & { covers?: number }) =>
  Array.from({ length: count }, () => one);

/** A run that is being made of those from `from` to before `to`. */
function target(runs: readonly Run[], from: number, to: number, level: number): Run {
  return { ...runs[from]!, id: 99, state: "by_seq", last: runs[to - 1]!.last, level };
}

function beginning(runs: readonly Run[]): { ids: number[]; level: number } | undefined {
  const task = nextCompaction(runs);
  return task?.kind === "begin" ? { ids: task.sources.map(({ id }) => id), level: task.level } : undefined;
}

test("runs are merged once a level has enough neighbours, the oldest of the lowest level first", () => {
  expect(
    nextCompaction(row(...times(COMPACTION_FANOUT - 1, { level: 1 }), ...times(COMPACTION_FANOUT - 1, {}))),
  ).toBeUndefined();
  const runs = row(...times(COMPACTION_FANOUT, { level: 1 }), ...times(COMPACTION_FANOUT + 2, {}));
  const oldest = Array.from({ length: COMPACTION_FANOUT }, (_, i) => COMPACTION_FANOUT + 1 + i);
  expect(beginning(runs)).toEqual({ ids: oldest, level: 1 });
});

test("a small merge interrupts a large one, which continues afterwards", () => {
  const large = row(...times(COMPACTION_FANOUT, { level: 1 }), ...times(COMPACTION_FANOUT, {}));
  const inHand = [...large, target(large, 0, COMPACTION_FANOUT, 2)].sort(
    (a, b) => a.first - b.first || a.id - b.id,
  );
  expect(beginning(inHand)?.level).toBe(1);
  const small = row(...times(COMPACTION_FANOUT, { level: 1 }), ...times(COMPACTION_FANOUT - 1, {}));
  expect(nextCompaction([...small, target(small, 0, COMPACTION_FANOUT, 2)])).toMatchObject({
    kind: "go_on",
    target: { level: 2 },
    sources: times(COMPACTION_FANOUT, { level: 1 }),
  });
});

test("runs are not merged over a run between them that is being rewritten", () => {
  const runs = row(...times(4, {}), { dropped: 6_000 }, ...times(COMPACTION_FANOUT - 1, {}));
  expect(nextCompaction([...runs, target(runs, 4, 5, 0)])).toMatchObject({
    kind: "go_on",
    sources: [{ id: 5 }],
  });
  // Its level says that it comes later; the eight that follow each other in the list are not neighbours.
  expect(nextCompaction([...runs, target(runs, 4, 5, 5)])).toMatchObject({
    kind: "go_on",
    sources: [{ id: 5 }],
  });
});

test("the newest run grows while it is small, not being merged, and has room; it is not merged meanwhile", () => {
  const small = row(...times(COMPACTION_FANOUT - 1, {}), { entries: MIN_RUN_ENTRIES - 1 });
  expect(appendableRun(small, small.at(-1)!.last + 10)?.id).toBe(COMPACTION_FANOUT);
  expect(nextCompaction(small)).toBeUndefined();
  expect(appendableRun(small, small.at(-1)!.first + MAX_RUN_SPAN)).toBeUndefined();
  expect(
    appendableRun([...small, target(small, 0, COMPACTION_FANOUT, 1)], small.at(-1)!.last + 10),
  ).toBeUndefined();
  expect(appendableRun(row({ entries: MIN_RUN_ENTRIES }), 20_000)).toBeUndefined();
  expect(appendableRun(row({ entries: 10, level: 1 }), 20_000)).toBeUndefined();
});

test("runs that would cover too many positions together are not merged, their neighbours are", () => {
  const wide = { covers: MAX_RUN_SPAN, level: 1 };
  expect(nextCompaction(row(...times(COMPACTION_FANOUT, wide)))).toBeUndefined();
  expect(beginning(row(wide, ...times(COMPACTION_FANOUT, { level: 1 })))?.ids).toEqual(
    Array.from({ length: COMPACTION_FANOUT }, (_, i) => 2 + i),
  );
});

test("a run is rewritten when most of it was dropped, and removed when all was; freeing space comes first", () => {
  expect(nextCompaction(row({ dropped: 5_000 }))).toBeUndefined();
  expect(beginning(row({ level: 2, dropped: 5_001 }, {}))).toEqual({ ids: [1], level: 2 });
  expect(nextCompaction(row({}, { dropped: 10_000 }))).toMatchObject({ kind: "discard", run: { id: 2 } });
  const merged = row({ state: "discarded" }, ...times(COMPACTION_FANOUT, {}));
  expect(nextCompaction(merged)).toMatchObject({ kind: "delete", run: { id: 1 } });
});
