import type { Run } from "./run-table.ts";

/** Runs of one level that become one of the next. More of them: less is written, and a look-up reads more runs. */
export const COMPACTION_FANOUT = 8;
/** A run with fewer entries is made anew with what comes next, so that a quiet server does not make one each second. */
export const MIN_RUN_ENTRIES = 2_048;
/** Positions that a run may cover: which of them are kept must fit into memory, as a bit for each (32 MB). */
export const MAX_RUN_SPAN = 2 ** 28;

/** What is to be done to the runs next. */
export type CompactionTask =
  /** Makes one run of several that lie side by side, or of one of which much was dropped. */
  | { readonly kind: "begin"; readonly sources: readonly Run[]; readonly level: number }
  | { readonly kind: "go_on"; readonly target: Run; readonly sources: readonly Run[] }
  /** All that the run names was removed. */
  | { readonly kind: "discard"; readonly run: Run }
  | { readonly kind: "delete"; readonly run: Run };

/** The next task, undefined where all is as it should be. `runs` as they are stored, the oldest messages first. */
export function nextCompaction(runs: readonly Run[]): CompactionTask | undefined {
  const discarded = runs.find((run) => run.state === "discarded");
  if (discarded !== undefined) return { kind: "delete", run: discarded };
  const free = runs.filter((run) => run.state === "whole" && !isBeingCompacted(run, runs));
  const empty = free.find((run) => run.dropped >= run.entries);
  if (empty !== undefined) return { kind: "discard", run: empty };
  // Small merges first: while a large one goes on, for many rounds, new runs must not pile up.
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

/** The run that what comes next is added to, if it may grow. */
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

/** The oldest runs of the lowest level that has enough of them side by side, none of which is being merged already. */
function mergeableRuns(runs: readonly Run[]): readonly Run[] | undefined {
  const whole = runs.filter(({ state }) => state === "whole");
  let best: readonly Run[] | undefined;
  for (let at = 0; at + COMPACTION_FANOUT <= whole.length; at++) {
    const some = whole.slice(at, at + COMPACTION_FANOUT);
    const [{ level, first }, newest] = [some[0]!, some.at(-1)!];
    if (best !== undefined && level >= best[0]!.level) continue;
    if (newest.last - first >= MAX_RUN_SPAN) continue;
    // The newest one may still grow.
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
