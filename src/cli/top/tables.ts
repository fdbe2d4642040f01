// What `parley top` lists: for each table its columns, and its rows from the answer of the servers.
import type {
  ActivityAnswer,
  NodeActivity,
  SlowReader,
  WebhookActivity,
} from "../../core/activity/node-activity.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { formatMs } from "../stats/distribution.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { formatAge, formatCount, formatRate } from "./numbers.ts";

export const TABLES = ["nodes", "conversations", "users", "slow readers", "feed"] as const;
export type TableName = (typeof TABLES)[number];

/** A column of a table. */
export interface ColumnHead {
  readonly title: string;
  /** Columns that the terminal cells of a row take, without the blank before them; 0: what the others leave. */
  readonly width: number;
  /** Where there is no room for all, those with the largest number go first. */
  readonly rank: number;
}

/** How a row is shown and sorted in a column. */
interface Column<Row> extends ColumnHead {
  readonly cell: (row: Row) => string;
  /** What it is sorted by: a text ascending, a number descending. */
  readonly key: (row: Row) => string | number;
}

/** One row, by column. */
export interface TableRow {
  /** Whether something is wrong with it. */
  readonly isBad: boolean;
  readonly cells: readonly string[];
  readonly keys: readonly (string | number)[];
}

export interface Table {
  /** The first one is a name. */
  readonly columns: readonly ColumnHead[];
  readonly rows: readonly TableRow[];
  /** The column that it is sorted by at first. */
  readonly sortedBy: number;
  /** What it says without rows. */
  readonly empty: string;
}

function makeTable<Row>({
  columns,
  rows,
  sortedBy,
  empty,
  isBad = () => false,
}: {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly sortedBy: number;
  readonly empty: string;
  readonly isBad?: (row: Row) => boolean;
}): Table {
  const shown = rows.map((row) => ({
    isBad: isBad(row),
    cells: columns.map(({ cell }) => cell(row)),
    keys: columns.map(({ key }) => key(row)),
  }));
  return { columns, rows: shown, sortedBy, empty };
}

const ms = (seconds: number | undefined): string => (seconds === undefined ? "–" : formatMs(seconds * 1000));
const share = (part: number, whole: number): string =>
  whole === 0 ? "–" : `${Math.round((part / whole) * 100)} %`;

/** A node with its numbers, or one that has shared none. */
type NodeRow = { readonly name: string; readonly node?: NodeActivity };

function nodes({ nodes: all, silent }: ActivityAnswer): Table {
  const number = (
    title: string,
    width: number,
    rank: number,
    value: (node: NodeActivity) => number | undefined,
    show: (value: number) => string,
  ): Column<NodeRow> => {
    const of = ({ node }: NodeRow) => (node === undefined ? undefined : value(node));
    return {
      ...{ title, width, rank },
      cell: (row) => {
        const found = of(row);
        return found === undefined ? "–" : show(found);
      },
      key: (row) => of(row) ?? -1,
    };
  };
  return makeTable<NodeRow>({
    columns: [
      { title: "NODE", width: 0, rank: 0, cell: ({ name }) => name, key: ({ name }) => name },
      number("CONNS", 6, 1, ({ connections }) => connections.live + connections.opening, formatCount),
      number("MSG/S", 6, 2, ({ per_second }) => per_second.messages, formatRate),
      number("DELIV/S", 7, 5, ({ per_second }) => per_second.delivered, formatRate),
      number("ACK P50", 8, 7, ({ ack }) => ack?.p50, ms),
      number("ACK P99", 8, 3, ({ ack }) => ack?.p99, ms),
      number("LOOP P99", 8, 6, ({ loop_delay }) => loop_delay?.p99, ms),
      number(
        "CPU",
        5,
        4,
        ({ cpu }) => cpu,
        (value) => `${Math.round(value * 100)} %`,
      ),
      number("MEMORY", 8, 8, ({ memory_bytes }) => memory_bytes, formatBytes),
      number("UNSENT", 8, 10, ({ unsent_bytes }) => unsent_bytes, formatBytes),
      {
        ...{ title: "STORE", width: 8, rank: 9 },
        cell: ({ node }) => (node === undefined ? "–" : storeWord(node)),
        key: ({ node }) => (node?.store.up === false ? Number.POSITIVE_INFINITY : (node?.store.lag ?? 0)),
      },
      number("UPTIME", 7, 11, ({ uptime }) => uptime, formatAge),
      {
        ...{ title: "VERSION", width: 9, rank: 12 },
        cell: ({ node }) => escapeControlChars(node?.version ?? "–"),
        key: ({ node }) => node?.version ?? "",
      },
    ],
    rows: [
      ...all.map((node) => ({ name: escapeControlChars(node.node ?? node.url), node })),
      ...silent.map((name) => ({ name: escapeControlChars(name) })),
    ],
    isBad: ({ node }) => node === undefined || !node.store.up,
    sortedBy: 0,
    empty: "No server has shared its numbers yet.",
  });
}

function storeWord({ store: { up, lag } }: NodeActivity): string {
  if (!up) return "down";
  return lag === undefined ? "up" : ms(lag);
}

interface BusyRow {
  readonly name: string;
  messages: number;
  connections: number;
}

/** Adds up what all nodes say of one name. */
function sums(nodes: readonly NodeActivity[], list: (node: NodeActivity) => readonly BusyRow[]): BusyRow[] {
  const found = new Map<string, BusyRow>();
  for (const node of nodes)
    for (const { name, messages, connections } of list(node)) {
      const row = found.get(name) ?? { name, messages: 0, connections: 0 };
      row.messages += messages;
      row.connections += connections;
      found.set(name, row);
    }
  return [...found.values()];
}

const busyColumns = (title: string, all: number): Column<BusyRow>[] => [
  { title, width: 0, rank: 0, cell: ({ name }) => escapeControlChars(name), key: ({ name }) => name },
  ...[
    {
      ...{ title: "MSG/S", width: 7, rank: 1 },
      cell: ({ messages }: BusyRow) => formatRate(messages),
      key: ({ messages }: BusyRow) => messages,
    },
    {
      ...{ title: "SHARE", width: 6, rank: 2 },
      cell: ({ messages }: BusyRow) => share(messages, all),
      key: ({ messages }: BusyRow) => messages,
    },
  ],
];

function conversations({ nodes: all }: ActivityAnswer): Table {
  const rows = sums(all, ({ busiest_conversations: busiest }) =>
    busiest.map(({ conversation: name, messages, connections }) => ({ name, messages, connections })),
  );
  return makeTable({
    columns: [
      ...busyColumns(
        "CONVERSATION",
        rows.reduce((sum, { messages }) => sum + messages, 0),
      ),
      {
        ...{ title: "CONNS", width: 6, rank: 3 },
        cell: ({ connections }) => formatCount(connections),
        key: ({ connections }) => connections,
      },
    ],
    ...{ rows, sortedBy: 1, empty: "No message in the last seconds." },
  });
}

function users({ nodes: all }: ActivityAnswer): Table {
  const rows = sums(all, ({ busiest_users: busiest }) =>
    busiest.map(({ user: name, messages }) => ({ name, messages, connections: 0 })),
  );
  return makeTable({
    columns: busyColumns(
      "USER",
      rows.reduce((sum, { messages }) => sum + messages, 0),
    ),
    ...{ rows, sortedBy: 1, empty: "No message in the last seconds." },
  });
}

interface SlowRow extends SlowReader {
  readonly node: string;
}

function slowReaders({ nodes: all, at }: ActivityAnswer): Table {
  const text = (
    title: string,
    width: number,
    rank: number,
    value: (row: SlowRow) => string,
  ): Column<SlowRow> => ({
    ...{ title, width, rank },
    cell: (row) => escapeControlChars(value(row)),
    key: value,
  });
  return makeTable({
    columns: [
      text("USER", 0, 0, ({ user }) => user),
      text("CONVERSATION", 16, 3, ({ conversation }) => conversation ?? "(socket of a user)"),
      {
        ...{ title: "UNSENT", width: 8, rank: 1 },
        cell: ({ unsent_bytes: bytes }) => formatBytes(bytes),
        key: ({ unsent_bytes: bytes }) => bytes,
      },
      {
        ...{ title: "SINCE", width: 7, rank: 2 },
        cell: ({ since }) => formatAge(Math.max(0, at - since) / 1000),
        key: ({ since }) => at - since,
      },
      text("CONNECTION", 10, 4, ({ connection }) => connection),
      text("NODE", 20, 5, ({ node }) => node),
    ],
    rows: all.flatMap((node) =>
      node.slow_readers.map((reader) => ({ ...reader, node: node.node ?? node.url })),
    ),
    ...{ sortedBy: 2, empty: "Every connection reads what it is sent." },
  });
}

type FeedRow = Pick<WebhookActivity, "id" | "lag" | "retries" | "failure"> & { readonly state: string };

function feed({ feed: found, nodes: all }: ActivityAnswer): Table {
  const rows: FeedRow[] = (found?.webhooks ?? []).map(({ id, state, reason, lag, retries, failure }) => ({
    ...{ id, lag, retries },
    state: reason === undefined ? state : `${state}: ${reason}`,
    ...(failure !== undefined && { failure }),
  }));
  if (found?.unread !== undefined)
    rows.push({ id: "(message.unread)", state: "active", lag: found.unread.lag, retries: 0 });
  const waiting = all.reduce((sum, node) => sum + node.event_readers, 0);
  return makeTable({
    columns: [
      { title: "WEBHOOK", width: 0, rank: 0, cell: ({ id }) => escapeControlChars(id), key: ({ id }) => id },
      {
        ...{ title: "STATE", width: 16, rank: 2 },
        cell: ({ state, failure }) => (state === "active" && failure !== undefined ? "failing" : state),
        key: ({ state }) => state,
      },
      {
        ...{ title: "BEHIND", width: 7, rank: 1 },
        cell: ({ lag }) => (lag === 0 ? "–" : formatAge(lag)),
        key: ({ lag }) => lag,
      },
      {
        ...{ title: "RETRIES", width: 7, rank: 4 },
        cell: ({ retries }) => formatCount(retries),
        key: ({ retries }) => retries,
      },
      {
        ...{ title: "FAILURE", width: 20, rank: 3 },
        cell: ({ failure }) => escapeControlChars(failure ?? "–"),
        key: ({ failure }) => failure ?? "",
      },
    ],
    ...{ rows, sortedBy: 2 },
    isBad: ({ state, failure }) => failure !== undefined || state === "paused: failing",
    empty:
      waiting === 0
        ? "No webhooks, and no request waits for events."
        : `No webhooks. ${waiting} ${waiting === 1 ? "request waits" : "requests wait"} for events.`,
  });
}

const BUILDERS: Readonly<Record<TableName, (answer: ActivityAnswer) => Table>> = {
  nodes,
  conversations,
  users,
  "slow readers": slowReaders,
  feed,
};

/** Returns a table with its rows. */
export function tableOf(name: TableName, answer: ActivityAnswer): Table {
  return BUILDERS[name](answer);
}
