// What `parley top` shows, and how keys and answers change it: pure functions.
import type { ActivityAnswer } from "../../core/activity/node-activity.ts";
import type { ActivitySource } from "./source.ts";
import { TABLES, type TableName, tableOf } from "./tables.ts";

/** Rates that are kept for the curve. */
const HISTORY = 512;

export interface TopState {
  /** Where the numbers come from, for the title. */
  readonly source: string;
  /** What is said where nothing can be read. */
  readonly whenAway: ActivitySource["whenAway"];
  readonly table: TableName;
  /** The column that a table is sorted by, where a key has chosen one. */
  readonly sortedBy: Readonly<Partial<Record<TableName, number>>>;
  /** The first row that is shown. */
  readonly scroll: number;
  readonly isPaused: boolean;
  readonly showsHelp: boolean;
  /** The newest answer that is shown. */
  readonly answer: ActivityAnswer | undefined;
  /** Messages a second of all nodes, the newest last. */
  readonly history: readonly number[];
  /** Since when the servers could not be asked, in milliseconds since 1970, and why. */
  readonly failure: { readonly since: number; readonly reason: string } | undefined;
}

export type TopEvent =
  | { readonly type: "answer"; readonly answer: ActivityAnswer }
  | { readonly type: "failed"; readonly reason: string; readonly now: number }
  | { readonly type: "key"; readonly key: string };

export function openTop(source: string, whenAway: ActivitySource["whenAway"] = "not reachable"): TopState {
  return {
    ...{ source, whenAway, table: "nodes", sortedBy: {}, scroll: 0, isPaused: false, showsHelp: false },
    ...{ answer: undefined, history: [], failure: undefined },
  };
}

/** The keys by what they do; those that end the command are not here. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["tab, →  ←", "the next table, the one before"],
  ["↓ ↑  PgDn PgUp", "the next rows, those before"],
  ["s", "sort by the next column"],
  ["p, space", "pause: show the same numbers"],
  ["h, ?", "show or hide this help"],
  ["q, Ctrl+C", "quit"],
];

/** The rows by which a page is moved. */
const PAGE = 10;

export function stepTop(state: TopState, event: TopEvent): TopState {
  switch (event.type) {
    case "answer": {
      if (state.isPaused) return { ...state, failure: undefined };
      const { answer } = event;
      const messages = answer.nodes.reduce((sum, { per_second }) => sum + per_second.messages, 0);
      const history = [...state.history, messages].slice(-HISTORY);
      return { ...state, answer, history, failure: undefined };
    }
    case "failed": {
      const { reason, now } = event;
      return { ...state, failure: { reason, since: state.failure?.since ?? now } };
    }
    case "key":
      return pressed(state, event.key);
    default:
      return event satisfies never;
  }
}

function pressed(state: TopState, key: string): TopState {
  const scrolled = (by: number): TopState => {
    const rows = state.answer === undefined ? 0 : tableOf(state.table, state.answer).rows.length;
    return { ...state, scroll: Math.max(0, Math.min(state.scroll + by, rows - 1)) };
  };
  const turned = (by: number): TopState => {
    const next = (TABLES.indexOf(state.table) + by + TABLES.length) % TABLES.length;
    return { ...state, table: TABLES[next]!, scroll: 0, showsHelp: false };
  };
  switch (key) {
    case "tab":
    case "right":
      return turned(1);
    case "shift-tab":
    case "left":
      return turned(-1);
    case "down":
      return scrolled(1);
    case "up":
      return scrolled(-1);
    case "pagedown":
      return scrolled(PAGE);
    case "pageup":
      return scrolled(-PAGE);
    case "s": {
      if (state.answer === undefined) return state;
      const { columns, sortedBy } = tableOf(state.table, state.answer);
      const now = state.sortedBy[state.table] ?? sortedBy;
      return { ...state, sortedBy: { ...state.sortedBy, [state.table]: (now + 1) % columns.length } };
    }
    case "p":
    case " ":
      return { ...state, isPaused: !state.isPaused };
    case "h":
    case "?":
      return { ...state, showsHelp: !state.showsHelp };
    default:
      return state;
  }
}

const SEQUENCES: Readonly<Record<string, string>> = {
  "\t": "tab",
  "\x1b[Z": "shift-tab",
  "\x1b[A": "up",
  "\x1b[B": "down",
  "\x1b[C": "right",
  "\x1b[D": "left",
  "\x1bOA": "up",
  "\x1bOB": "down",
  "\x1bOC": "right",
  "\x1bOD": "left",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
  "\x03": "interrupt",
  "\x04": "q",
};

/** Returns the names of the keys in what a terminal has sent: `up`, `tab`, `q`. Other sequences are left out. */
export function keysIn(text: string): readonly string[] {
  const pieces = text.match(/\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-Za-z])|[^\x1b]/g) ?? [];
  return pieces.flatMap((piece) => SEQUENCES[piece] ?? (piece >= " " ? piece.toLowerCase() : []));
}
