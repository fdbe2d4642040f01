import { expect, test } from "bun:test";
import { FAN, growing, MOST_COVERED, nextTask, SMALL } from "../../../../src/engine/sqlite/runs/plan.ts";
import type { Run } from "../../../../src/engine/sqlite/runs/table.ts";

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
  const task = nextTask(runs);
  return task?.kind === "begin" ? { ids: task.sources.map(({ id }) => id), level: task.level } : undefined;
}

test("runs are left alone until enough of a level lie side by side; the oldest of the lowest level go first", () => {
  expect(nextTask(row(...times(FAN - 1, { level: 1 }), ...times(FAN - 1, {})))).toBeUndefined();
  const runs = row(...times(FAN, { level: 1 }), ...times(FAN + 2, {}));
  const oldest = Array.from({ length: FAN }, (_, i) => FAN + 1 + i);
  expect(beginning(runs)).toEqual({ ids: oldest, level: 1 });
});

test("a small merge goes before a large one in hand, which is gone on with afterwards", () => {
  const large = row(...times(FAN, { level: 1 }), ...times(FAN, {}));
  const inHand = [...large, target(large, 0, FAN, 2)].sort((a, b) => a.first - b.first || a.id - b.id);
  expect(beginning(inHand)?.level).toBe(1);
  const small = row(...times(FAN, { level: 1 }), ...times(FAN - 1, {}));
  expect(nextTask([...small, target(small, 0, FAN, 2)])).toMatchObject({
    kind: "go_on",
    target: { level: 2 },
    sources: times(FAN, { level: 1 }),
  });
});

test("runs are not merged over one between them that is being made anew", () => {
  const runs = row(...times(4, {}), { dropped: 6_000 }, ...times(FAN - 1, {}));
  expect(nextTask([...runs, target(runs, 4, 5, 0)])).toMatchObject({ kind: "go_on", sources: [{ id: 5 }] });
  // Its level says that it comes later; the eight beside each other are not side by side.
  expect(nextTask([...runs, target(runs, 4, 5, 5)])).toMatchObject({ kind: "go_on", sources: [{ id: 5 }] });
});

test("the newest run grows while it is small, not in a merge, and what it covers fits; it is not merged meanwhile", () => {
  const small = row(...times(FAN - 1, {}), { entries: SMALL - 1 });
  expect(growing(small, small.at(-1)!.last + 10)?.id).toBe(FAN);
  expect(nextTask(small)).toBeUndefined();
  expect(growing(small, small.at(-1)!.first + MOST_COVERED)).toBeUndefined();
  expect(growing([...small, target(small, 0, FAN, 1)], small.at(-1)!.last + 10)).toBeUndefined();
  expect(growing(row({ entries: SMALL }), 20_000)).toBeUndefined();
  expect(growing(row({ entries: 10, level: 1 }), 20_000)).toBeUndefined();
});

test("runs that cover too many positions together are not merged, those beside them are", () => {
  const wide = { covers: MOST_COVERED, level: 1 };
  expect(nextTask(row(...times(FAN, wide)))).toBeUndefined();
  expect(beginning(row(wide, ...times(FAN, { level: 1 })))?.ids).toEqual(
    Array.from({ length: FAN }, (_, i) => 2 + i),
  );
});

test("a run is made anew when most of it was dropped, and goes when all was; the room is given back first", () => {
  expect(nextTask(row({ dropped: 5_000 }))).toBeUndefined();
  expect(beginning(row({ level: 2, dropped: 5_001 }, {}))).toEqual({ ids: [1], level: 2 });
  expect(nextTask(row({}, { dropped: 10_000 }))).toMatchObject({ kind: "discard", run: { id: 2 } });
  const merged = row({ state: "discarded" }, ...times(FAN, {}));
  expect(nextTask(merged)).toMatchObject({ kind: "delete", run: { id: 1 } });
});
