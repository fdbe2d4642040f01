import type { Case } from "./cases.ts";
import type { ResumeResult } from "./load/generator.ts";
import type { Machine } from "./machine.ts";
import type { Measurement } from "./measure.ts";
import type { Peer } from "./peers/peer.ts";

/** The row that all others are divided by. */
const CONTROL = "relay";

/** From this share of its core on, the load and not the server sets the pace. */
const SATURATED = 0.95;

/** From this share of a core on, used by neither server nor load nor store, the rates are too low. */
const DISTURBED = 0.1;

/** One peer in one case, over all rounds. */
export interface Row {
  readonly case: Case;
  readonly peer: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Median of the rounds' ratios to the control of the same round; undefined without one. */
  readonly ratio: number | undefined;
  /** CPU time of the server for one unit of the figure, in µs; undefined in the idle case. */
  readonly cost: number | undefined;
  /** What else has to be known: deviations in delivery, and who set the pace. */
  readonly remark: string;
}

/** Puts the runs together, cases and peers in the order they were first run. */
export function rowsOf(cases: readonly Case[], peers: readonly Peer[], runs: readonly Measurement[]): Row[] {
  return cases.flatMap((kase) =>
    peersOf(kase, peers).map((peer) => {
      const mine = runs.filter((run) => run.caseName === kase.name && run.peer === peer.name);
      const figures = mine.map((run) => run.figure);
      return {
        case: kase,
        peer: peer.name,
        median: median(figures),
        least: Math.min(...figures),
        most: Math.max(...figures),
        ratio: ratioToControl(mine, runs),
        cost: costOf(mine),
        remark: remarkOn(mine),
      };
    }),
  );
}

/** Those of the peers that can do a case. */
export function peersOf(kase: Case, peers: readonly Peer[]): readonly Peer[] {
  return peers.filter(({ name }) => kase.peers?.includes(name) ?? true);
}

// A ratio within one round, not of two medians: what else the machine did then slowed both.
function ratioToControl(mine: readonly Measurement[], all: readonly Measurement[]): number | undefined {
  const ratios = mine.flatMap((run) => {
    const control = all.find(
      ({ caseName, peer, round }) => caseName === run.caseName && peer === CONTROL && round === run.round,
    );
    return control === undefined ? [] : [run.figure / control.figure];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

// Unlike a rate it hardly moves when something else uses the machine.
function costOf(runs: readonly Measurement[]): number | undefined {
  const costs = runs.flatMap(({ figure, result }) =>
    "delivered" in result ? [(result.serverBusy / figure) * 1e6] : [],
  );
  return costs.length === 0 ? undefined : median(costs);
}

function remarkOn(runs: readonly Measurement[]): string {
  const resumes = runs.flatMap(({ result }) => ("resumeP99" in result ? [result] : []));
  if (resumes.length > 0) return remarkOnResume(resumes);
  const traffic = runs.flatMap(({ result }) => ("delivered" in result ? [result] : []));
  if (traffic.length === 0) return "";
  const server = median(traffic.map((result) => result.serverBusy));
  const load = median(traffic.map((result) => result.loadBusy));
  const store = median(traffic.map((result) => result.storeBusy));
  const beside = store > 0 ? `, Redis ${percent(store)}` : "";
  const busy = `server ${percent(server)}, load ${percent(load)}${beside} busy`;
  const limited = load + store >= SATURATED && server < SATURATED ? "; LIMITED BY THE LOAD" : "";
  return `${deviations(traffic)}; ${busy}${limited}${disturbance(traffic)}`;
}

function remarkOnResume(results: readonly ResumeResult[]): string {
  const p99 = (field: "quietP99" | "resumeP99") =>
    `${median(results.map((result) => result[field])).toPrecision(2)} ms`;
  const live = median(results.flatMap((result) => result.liveAfter)) / 1000;
  return `p99 ${p99("quietP99")} quiet, ${p99("resumeP99")} meanwhile; all live after ${live.toFixed(1)} s; ${deviations(results)}${disturbance(results)}`;
}

function disturbance(results: readonly { readonly othersBusy: number }[]): string {
  const others = median(results.map((result) => result.othersBusy));
  return others >= DISTURBED ? `; DISTURBED, others used ${percent(others)} of a core` : "";
}

function deviations(results: readonly Pick<ResumeResult, "lost" | "doubled" | "outOfOrder">[]): string {
  const sum = (field: "lost" | "doubled" | "outOfOrder") =>
    results.reduce((total, result) => total + result[field], 0);
  const sums = [sum("lost"), sum("doubled"), sum("outOfOrder")];
  if (sums.every((each) => each === 0)) return "all delivered once, in order";
  return `${sums[0]} lost, ${sums[1]} doubled, ${sums[2]} out of order`;
}

/** The rows as a table for a terminal. */
export function terminalTable(rows: readonly Row[]): string {
  const head = ["case", "peer", ...FIGURES, ""];
  const lines = aligned([head, ...rows.map((row) => [row.case.name, ...cellsOf(row)])], 2);
  return lines.map((line) => line.join("  ").trimEnd()).join("\n");
}

const FIGURES = ["median", "least – most", "to relay", "server CPU each"];

function cellsOf(row: Row): string[] {
  const spread = `${amount(row.least, row)} – ${amount(row.most, row)}`;
  return [row.peer, amount(row.median, row), spread, ratio(row), cost(row), row.remark];
}

/** The table with cells of one column padded to one width, `figures` of them from column `first` on to the right. */
export function aligned(table: readonly string[][], first: number, figures = FIGURES.length): string[][] {
  const widths = table[0]!.map((_, column) => Math.max(3, ...table.map((line) => line[column]!.length)));
  const right = (column: number) => column >= first && column < first + figures;
  return table.map((line) =>
    line.map((cell, column) =>
      right(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    ),
  );
}

/** A case in bench/RESULTS.md. */
export interface Section {
  readonly title: string;
  /** Markdown: when and where it was measured, and the table. */
  readonly body: string;
}

export function sectionOf(kase: Case, rows: readonly Row[], rounds: number, on: Machine): Section {
  const cells = rows.filter((row) => row.case === kase).map(cellsOf);
  const table = markdownTable(aligned([["", ...FIGURES, ""], ...cells], 1), FIGURES.length);
  return { title: kase.title, body: `${origin(rounds, on)}\n\n${table}` };
}

/** Says when, where and with what a section was measured. */
export function origin(rounds: number, on: Machine): string {
  return `${on.date} UTC, commit ${on.commit}, ${rounds} rounds; ${on.processor}, ${on.cores} cores, ${on.memoryGiB} GiB,
${on.kernel}; Bun ${on.bun}, load built with ${on.go}.`;
}

/** Aligned in the source too, as the formatter wants Markdown; the `figures` columns after the first are to the right. */
export function markdownTable([head, ...lines]: readonly string[][], figures: number): string {
  const rule = head!.map((cell, column) =>
    column >= 1 && column <= figures ? `${"-".repeat(cell.length - 1)}:` : "-".repeat(cell.length),
  );
  return [head!, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/**
 * The content of bench/RESULTS.md: the sections that were made now, and for the other `titles` what `document` had, so
 * that a case that was not run keeps its figures, with their date.
 */
export function results(
  document: string,
  made: readonly Section[],
  titles: readonly string[],
  peers: readonly Pick<Peer, "name" | "does">[],
): string {
  const before = document.split(/^## /m).map((part): Section => {
    const [title = "", ...lines] = part.split("\n");
    return { title, body: lines.join("\n").trim() };
  });
  const sections = titles.flatMap(
    (title) => [...made, ...before].find((section) => section.title === title) ?? [],
  );
  return `# Results

Made by \`npm run bench\`; within a case, peers are run in the same minutes. Server on one core, load on another.
How to read it: [README.md](README.md).

${sections.map(({ title, body }) => `## ${title}\n\n${body}\n`).join("\n")}
## What each does for a message

${peers.map((peer) => `- **${peer.name}**: ${peer.does}.`).join("\n")}
`;
}

/** Middle of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three digits that count: `98.7 k/s`, `2.41 M/s`, `5,120 B`; `2.1 ×`. */
export function amount(value: number, { case: { unit } }: Pick<Row, "case">): string {
  if (unit === "×") return `${value.toFixed(1)} ×`;
  if (unit === "ms") return `${Number(value.toPrecision(2))} ms`;
  if (unit === "B") return `${Math.round(value).toLocaleString("en-US")} B`;
  const [scaled, prefix] = value >= 1e6 ? [value / 1e6, " M"] : [value / 1e3, " k"];
  return `${Number(scaled.toPrecision(3))}${prefix}${unit}`;
}

function ratio({ ratio }: Row): string {
  return ratio === undefined ? "" : ratio.toFixed(2);
}

function cost({ cost }: Row): string {
  return cost === undefined ? "" : `${Number(cost.toPrecision(2))} µs`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
