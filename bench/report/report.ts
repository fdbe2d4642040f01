import type { Case } from "../cases.ts";
import type { Machine } from "../machine.ts";
import type { Peer } from "../peers/peer.ts";
import { formatFigure } from "./format-figure.ts";
import type { Row } from "./rows.ts";

/** The rows as a table for a terminal. */
export function terminalTable(rows: readonly Row[]): string {
  const head = ["case", "peer", ...FIGURE_COLUMNS, ""];
  const lines = alignColumns([head, ...rows.map((row) => [row.case.name, ...cellsOf(row)])], 2);
  return lines.map((line) => line.join("  ").trimEnd()).join("\n");
}

const FIGURE_COLUMNS = ["median", "least – most", "to relay", "server CPU each"];

function cellsOf(row: Row): string[] {
  const spread = `${formatFigure(row.least, row)} – ${formatFigure(row.most, row)}`;
  return [row.peer, formatFigure(row.median, row), spread, ratio(row), cost(row), row.remark];
}

/** The table with cells of one column padded to one width, `figures` of them from column `first` on to the right. */
export function alignColumns(
  table: readonly string[][],
  first: number,
  figures = FIGURE_COLUMNS.length,
): string[][] {
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
  const table = markdownTable(
    alignColumns([["", ...FIGURE_COLUMNS, ""], ...cells], 1),
    FIGURE_COLUMNS.length,
  );
  return {
    title: kase.title,
    body: `${provenance(rounds, on)}\n\n![${kase.title}](plots/${kase.name}.svg)\n\n${table}`,
  };
}

/** States when, where and with which versions a section was measured. */
export function provenance(rounds: number, on: Machine): string {
  return `${on.date} UTC, commit ${on.commit}, ${rounds === 1 ? "1 round" : `${rounds} rounds`}; ${on.processor}, ${on.cores} cores, ${on.memoryGiB} GiB,
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
export function resultsPage(
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

function ratio({ ratio }: Row): string {
  return ratio === undefined ? "" : ratio.toFixed(2);
}

function cost({ cost }: Row): string {
  return cost === undefined ? "" : `${Number(cost.toPrecision(2))} µs`;
}
