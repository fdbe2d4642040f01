import { join } from "node:path";
import type { Case } from "../cases.ts";
import type { GrowthPoint } from "../growth/growth.ts";
import type { Machine } from "../machine.ts";
import type { Row } from "./rows.ts";

const RESULTS_FILE = "results.json";

/** From this change of a ratio on, in either direction, it is no longer the runs' spread. */
const NOTABLE_CHANGE = 0.15;

/** bench/results.json: the content of RESULTS.md, for programs. Each case has the date and commit of its own run. */
export interface Baseline {
  readonly cases: Readonly<Record<string, CaseBaseline>>;
  readonly growth?: { readonly on: Machine; readonly points: readonly GrowthPoint[] };
}

export interface CaseBaseline {
  readonly on: Machine;
  readonly unit: string;
  readonly rows: readonly Omit<Row, "case">[];
}

export interface NewResults {
  readonly cases: readonly { readonly kase: Case; readonly rows: readonly Row[] }[];
  readonly growth: readonly GrowthPoint[];
  readonly on: Machine;
}

/** Replaces the entries of the cases that were measured now. */
export async function writeBaseline(published: NewResults): Promise<void> {
  const file = Bun.file(join(import.meta.dir, "..", RESULTS_FILE));
  const before: Baseline = (await file.exists()) ? await file.json() : { cases: {} };
  await Bun.write(file, `${JSON.stringify(mergeResults(before, published), null, 2)}\n`);
}

export function mergeResults(before: Baseline, { cases, growth, on }: NewResults): Baseline {
  const made = cases.map(({ kase, rows }): [string, CaseBaseline] => [
    kase.name,
    { on, unit: kase.unit, rows: rows.map(({ case: _, ...row }) => row) },
  ]);
  return {
    ...before,
    cases: { ...before.cases, ...Object.fromEntries(made) },
    ...(growth.length > 0 && { growth: { on, points: growth } }),
  };
}

/** The committed results; undefined without any, or outside a checkout. */
export function readBaseline(): Baseline | undefined {
  const show = Bun.spawnSync(["git", "show", `HEAD:./${RESULTS_FILE}`], {
    cwd: join(import.meta.dir, ".."),
    stderr: "ignore",
  });
  return show.success ? (JSON.parse(show.stdout.toString()) as Baseline) : undefined;
}

/** A line for each row with a ratio to the relay, next to the committed one. */
export function compareToBaseline(rows: readonly Row[], committed: Baseline | undefined): string {
  if (committed === undefined) return "Nothing to compare with: no bench/results.json is committed.";
  const lines = rows.flatMap(({ case: kase, peer, ratio }) => {
    if (ratio === undefined || peer === "relay") return [];
    const before = committed.cases[kase.name];
    const then = before?.rows.find((row) => row.peer === peer)?.ratio;
    const now = `${kase.name}, ${peer}: ${ratio.toFixed(2)} of the relay`;
    if (before === undefined || then === undefined) return [`${now}; nothing committed`];
    const change = ratio / then - 1;
    const better = kase.better === "more" ? change > 0 : change < 0;
    const word = Math.abs(change) < NOTABLE_CHANGE ? "as before" : better ? "BETTER" : "WORSE";
    const percent = `${change < 0 ? "−" : "+"}${Math.abs(Math.round(change * 100))} %`;
    return [`${now}; ${then.toFixed(2)} at ${before.on.commit}: ${percent}, ${word}`];
  });
  return lines.join("\n");
}
