import type { Run } from "./run-table.ts";

/** The number of runs of one level that are merged into one run of the next. With more, less is written, but look-ups read more runs. */
export const COMPACTION_FANOUT = 8;
/** A run with fewer entries is replaced by one that also has the next messages. Otherwise a quiet server would make a run each second. */
export const MIN_RUN_ENTRIES = 2_048;
/** The number of positions that a run may cover: a compaction needs a bit in memory for each of them (32 MB). */
export const MAX_RUN_SPAN = 2 ** 28;

/** A step of compaction. */
export type CompactionTask =
  /** Begins a new run from several adjacent runs, or from one run with many removed entries. */
  | { readonly kind: "begin"; readonly sources: readonly Run[]; readonly level: number }
  | { readonly kind: "go_on"; readonly target: Run; readonly sources: readonly Run[] }
  /** Discards a run of which all messages were removed. */
  | { readonly kind: "discard"; readonly run: Run }
  | { readonly kind: "delete"; readonly run: Run };

/** Returns the next task; undefined if there is none. `runs` are all runs, those with the oldest messages first. */
export function nextCompaction(runs: readonly Run[]): CompactionTask | undefined {
  const discarded = runs.find((run) => run.state === "discarded");
  if (discarded !== undefined) return { kind: "delete", run: discarded };
  const free = runs.filter((run) => run.state === "whole" && !isBeingCompacted(run, runs));
  const empty = free.find((run) => run.dropped >= run.entries);
  if (empty !== undefined) return { kind: "discard", run: empty };
  // Small merges first: a large one takes many rounds, during which new runs must not accumulate.
  const targets = runs.filter(isUnfinished).sort((a, b) => a.level - b.level);
  const [target] = targets;
  const sources = mergeableRuns(runs);
  if (sources !== undefined && (target === undefined || sources[0]!.level + 1 < target.level))
    return { kind: "begin", sources, level: sources[0]!.level + 1 };
  if (target !== undefined)
    return { kind: "go_on", target, sources: runs.filter((run) => isSourceOf(run, target)) };
  const sparse = free.find((run) => run.dropped * 2 > run.entries);
  return sparse && { kind: "begin", sources: [sparse], level: sparse.level };
}

/** Returns the newest run, if the messages up to position `last` may be added to it. */
export function appendableRun(runs: readonly Run[], last: number): Run | undefined {
  const newest = runs.findLast((run) => run.state === "whole");
  const grows =
    newest !== undefined &&
    newest.level === 0 &&
    newest.entries < MIN_RUN_ENTRIES &&
    last - newest.first < MAX_RUN_SPAN &&
    !isBeingCompacted(newest, runs);
  return grows ? newest : undefined;
}

/** Returns the oldest COMPACTION_FANOUT adjacent runs of the lowest level that has so many, none of which is being merged. */
function mergeableRuns(runs: readonly Run[]): readonly Run[] | undefined {
  const whole = runs.filter(({ state }) => state === "whole");
  let best: readonly Run[] | undefined;
  for (let at = 0; at + COMPACTION_FANOUT <= whole.length; at++) {
    const some = whole.slice(at, at + COMPACTION_FANOUT);
    const [{ level, first }, newest] = [some[0]!, some.at(-1)!];
    if (best !== undefined && level >= best[0]!.level) continue;
    if (newest.last - first >= MAX_RUN_SPAN) continue;
    // More messages may be added to the newest run.
    if (level === 0 && newest.entries < MIN_RUN_ENTRIES && newest === whole.at(-1)) continue;
    if (some.every((run) => run.level === level && !isBeingCompacted(run, runs))) best = some;
  }
  return best;
}

function isUnfinished({ state }: Run): boolean {
  return state === "by_seq" || state === "by_key";
}

function isBeingCompacted(run: Run, runs: readonly Run[]): boolean {
  return runs.some((target) => isUnfinished(target) && isSourceOf(run, target));
}

function isSourceOf(run: Run, target: Run): boolean {
  return run.state === "whole" && target.first <= run.first && run.last <= target.last;
}
