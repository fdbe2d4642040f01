// The page of `parley top`: a pure function of what is known and of the size of the terminal.
import type { ActivityAnswer, NodeActivity } from "../../core/activity/node-activity.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { formatMs } from "../stats/distribution.ts";
import { cellWidth, cutToWidth, fitToWidth, sparkline } from "../terminal/cells.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { formatAge, formatClock, formatCount, formatRate } from "./numbers.ts";
import { KEYS, type TopState } from "./state.ts";
import { type ColumnHead, TABLES, type TableName, type TableRow, tableOf } from "./tables.ts";

export type PieceStyle = "title" | "dim" | "good" | "bad" | "chosen";

/** A part of a line, without control characters. */
export interface Piece {
  readonly text: string;
  readonly style?: PieceStyle;
}

export type Line = readonly Piece[];

export interface PageSize {
  readonly columns: number;
  readonly rows: number;
}

/** The least width that a column without a width of its own has. */
const MIN_NAME = 14;

/** Returns the lines of the page, at most `rows` of them, none wider than `columns`. `now` is in milliseconds since 1970. */
export function renderPage(state: TopState, size: PageSize, now: number): readonly Line[] {
  const { answer } = state;
  const head = [titleLine(state, size.columns, now), ...summaryLines(state, size.columns)];
  const foot = footLine(state, size.columns);
  const room = Math.max(0, size.rows - head.length - 4);
  const body = state.showsHelp
    ? helpLines()
    : answer === undefined
      ? []
      : bodyLines(state, answer, size, room);
  const lines = [...head, [], tabLine(state, size.columns), ...body.slice(0, room + 1)];
  // The keys are in the last row.
  while (lines.length < size.rows - 1) lines.push([]);
  return [...lines.slice(0, Math.max(0, size.rows - 1)), foot]
    .slice(0, size.rows)
    .map((line) => fitLine(line, size.columns));
}

/** Returns the whole page with all tables, for `--once`. */
export function renderReport(state: TopState, columns: number, now: number): readonly Line[] {
  const { answer } = state;
  const lines: Line[] = [titleLine(state, columns, now), ...summaryLines(state, columns)];
  if (answer !== undefined)
    for (const name of TABLES)
      lines.push([], [{ text: headingOf(name) }], ...tableLines(state, name, answer, columns));
  return lines.map((line) => fitLine(line, columns));
}

/** The text of a line, without what is blank at its end. */
export function plainText(line: Line): string {
  return line
    .map(({ text }) => text)
    .join("")
    .trimEnd();
}

function titleLine(
  { source, whenAway, answer, isPaused, failure }: TopState,
  columns: number,
  now: number,
): Line {
  const clock = formatClock(answer?.at ?? now);
  const left: Piece[] = [{ text: "parley top", style: "title" }];
  if (failure !== undefined) {
    const reason = escapeControlChars(failure.reason);
    left.push({ text: `  ${whenAway} since ${formatClock(failure.since)}: ${reason}`, style: "bad" });
  } else if (isPaused) left.push({ text: "  paused", style: "bad" });
  else if (answer === undefined) left.push({ text: "  waiting for the first numbers …", style: "dim" });
  left.push({ text: `  ${escapeControlChars(source)}` });
  const room = columns - clock.length - 2;
  return [...fitLine(left, room, true), { text: `  ${clock}`, style: "dim" }];
}

/** The first lines: all nodes together. */
function summaryLines({ answer, history }: TopState, columns: number): readonly Line[] {
  if (answer === undefined) return [];
  const { nodes } = answer;
  const sum = (value: (node: NodeActivity) => number) => nodes.reduce((all, node) => all + value(node), 0);
  // Of times the worst node: quantiles cannot be added.
  const worst = (value: (node: NodeActivity) => number | undefined) => {
    const found = nodes.flatMap((node) => value(node) ?? []);
    return found.length === 0 ? "–" : formatMs(Math.max(...found) * 1000);
  };
  const rate = `${formatRate(sum(({ per_second }) => per_second.messages))}/s`;
  const delivered = `${formatRate(sum(({ per_second }) => per_second.delivered))}/s delivered`;
  const curve = sparkline(history, columns - 11 - cellWidth(rate) - cellWidth(delivered) - 4);
  const slow = sum((node) => node.slow_reader_count);
  const down = nodes.filter(({ store }) => !store.up).length;
  const row = (name: string, ...pieces: readonly Piece[]): Line =>
    joinThatFit({ text: name.padEnd(11), style: "dim" }, pieces, columns);
  return [
    row("Messages", { text: rate, style: "title" }, { text: curve, style: "good" }, { text: delivered }),
    row(
      "Acks",
      { text: `p50 ${worst(({ ack }) => ack?.p50)}` },
      { text: `p99 ${worst(({ ack }) => ack?.p99)}`, style: "title" },
      { text: `max ${worst(({ ack }) => ack?.max)}` },
      { text: `event loop p99 ${worst(({ loop_delay }) => loop_delay?.p99)}` },
    ),
    row(
      "Clients",
      { text: `${formatCount(sum(({ connections }) => connections.live))} live`, style: "title" },
      {
        text: counted(
          sum((node) => node.open_conversations),
          "conversation",
        ),
      },
      { text: `${formatCount(sum(({ connections }) => connections.opening))} opening` },
      {
        text: counted(
          sum((node) => node.open_streams),
          "stream",
        ),
      },
    ),
    row(
      "Store",
      down === 0
        ? { text: "up", style: "good" }
        : { text: `down at ${down} of ${nodes.length}`, style: "bad" },
      { text: `${formatBytes(sum((node) => node.unsent_bytes))} unsent` },
      { text: `${slow} slow`, ...(slow > 0 && { style: "bad" as const }) },
      ...feedPieces(answer),
    ),
  ];
}

/** Puts as many pieces after the first one as fit. */
function joinThatFit(first: Piece, pieces: readonly Piece[], columns: number): Line {
  const line: Piece[] = [first];
  let left = columns - cellWidth(first.text);
  for (const piece of pieces) {
    const gap = line.length === 1 ? 0 : 2;
    left -= gap + cellWidth(piece.text);
    if (left < 0) break;
    if (gap > 0) line.push({ text: "  " });
    line.push(piece);
  }
  return line;
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function feedPieces({ feed }: ActivityAnswer): readonly Piece[] {
  if (feed === undefined || feed.webhooks.length === 0) return [];
  const behind = Math.max(...feed.webhooks.map(({ lag }) => lag));
  const failing = feed.webhooks.filter(({ state, failure }) => state === "active" && failure !== undefined);
  return [
    { text: `webhooks ${behind === 0 ? "up to date" : `${formatAge(behind)} behind`}` },
    ...(failing.length === 0 ? [] : [{ text: `${failing.length} failing`, style: "bad" as const }]),
  ];
}

function headingOf(name: TableName): string {
  return name[0]!.toUpperCase() + name.slice(1);
}

/** The names of the tables; where there is no room for all, the chosen one with its place. */
function tabLine(state: TopState, columns: number): Line {
  const { table } = state;
  const hidden = hiddenOrder(state, columns);
  const all = TABLES.map((name) => (name === table ? `[${headingOf(name)}]` : ` ${headingOf(name)} `));
  const place = TABLES.indexOf(table);
  const tabs: Line =
    all.join(" ").length <= columns
      ? TABLES.flatMap((name, index) => [
          ...(index === 0 ? [] : [{ text: " " }]),
          { text: all[index]!, style: name === table ? ("chosen" as const) : ("dim" as const) },
        ])
      : [
          { text: all[place]!, style: "chosen" },
          { text: ` ${place + 1} of ${TABLES.length}`, style: "dim" },
        ];
  return hidden === undefined ? tabs : [...tabs, { text: `  by ${hidden}`, style: "dim" }];
}

/** The title of the column that the table is sorted by, where that column has no room. */
function hiddenOrder({ answer, table, sortedBy: chosen }: TopState, width: number): string | undefined {
  if (answer === undefined) return undefined;
  const { columns, sortedBy: atFirst } = tableOf(table, answer);
  const sortedBy = chosen[table] ?? atFirst;
  return columnsThatFit(columns, width).includes(sortedBy) ? undefined : columns[sortedBy]!.title;
}

function bodyLines(state: TopState, answer: ActivityAnswer, { columns }: PageSize, room: number): Line[] {
  const [head, ...rows] = tableLines(state, state.table, answer, columns);
  const scroll = Math.max(0, Math.min(state.scroll, rows.length - room));
  const below = rows.length - scroll - room;
  const shown = rows.slice(scroll, scroll + room);
  if (below > 0 && shown.length > 0)
    shown[shown.length - 1] = [{ text: `${below + 1} more below`, style: "dim" }];
  return [head!, ...shown];
}

/** The head and all rows of a table. */
function tableLines(state: TopState, name: TableName, answer: ActivityAnswer, columns: number): Line[] {
  const { columns: all, rows, empty, sortedBy: atFirst } = tableOf(name, answer);
  const sortedBy = state.sortedBy[name] ?? atFirst;
  const shown = columnsThatFit(all, columns);
  const taken = shown.reduce((sum, index) => sum + (all[index]!.width === 0 ? 0 : all[index]!.width + 1), 0);
  /** One line of a text for each column. */
  const line = (texts: readonly string[]) =>
    shown
      .map((index, place) => {
        const width = all[index]!.width || Math.max(MIN_NAME, columns - taken);
        return place === 0
          ? fitToWidth(texts[index]!, width)
          : ` ${fitToWidth(texts[index]!, width, "right")}`;
      })
      .join("");
  const head = line(all.map(({ title }, index) => (index === sortedBy ? `${title}▾` : title)));
  if (rows.length === 0) return [[{ text: head, style: "dim" }], [{ text: empty }]];
  return [
    [{ text: head, style: "dim" }],
    ...sortRows(rows, sortedBy).map(
      ({ cells, isBad }): Line => [{ text: line(cells), ...(isBad && { style: "bad" as const }) }],
    ),
  ];
}

/** Drops columns, the one with the largest rank first, until the rest has room. Returns the places of those that are left. */
function columnsThatFit(columns: readonly ColumnHead[], width: number): readonly number[] {
  let shown = [...columns.keys()];
  const needed = () => shown.reduce((sum, index) => sum + (columns[index]!.width || MIN_NAME) + 1, -1);
  while (shown.length > 1 && needed() > width) {
    const last = shown.reduce((one, other) => (columns[other]!.rank > columns[one]!.rank ? other : one));
    shown = shown.filter((index) => index !== last);
  }
  return shown;
}

function sortRows(rows: readonly TableRow[], column: number): readonly TableRow[] {
  return [...rows].sort((one, other) => {
    const [a, b] = [one.keys[column]!, other.keys[column]!];
    if (typeof a === "number" && typeof b === "number") return b - a;
    return a < b ? -1 : a > b ? 1 : 0;
  });
}

function helpLines(): Line[] {
  const width = Math.max(...KEYS.map(([keys]) => cellWidth(keys)));
  return KEYS.map(([keys, what]) => [
    { text: fitToWidth(keys, width), style: "title" },
    { text: `  ${what}` },
  ]);
}

function footLine({ isPaused }: TopState, columns: number): Line {
  const keys = ["h help", "tab table", isPaused ? "p go on" : "p pause", "s sort", "↑↓ rows"];
  return joinThatFit(
    { text: "q quit  ", style: "dim" },
    keys.map((text) => ({ text, style: "dim" })),
    columns,
  );
}

/** Cuts a line to `columns`; with `fill` it takes all of them. */
export function fitLine(line: Line, columns: number, fill = false): Line {
  let left = columns;
  const fitted: Piece[] = [];
  for (const piece of line) {
    if (left <= 0) break;
    const text = cutToWidth(piece.text, left);
    left -= cellWidth(text);
    fitted.push({ ...piece, text });
    if (text !== piece.text) break;
  }
  if (fill && left > 0) fitted.push({ text: " ".repeat(left) });
  return fitted;
}
