import type { Message } from "../../client/connect.ts";

// The conversation as the page knows it. Pure: every function answers a new transcript.
//
//     stored, by seq                        outbox, as written
//   ┌───────────────────────────────────┐ ┌───────────────────────────┐
//   │ 51  52  53      57  58 … newest   │ │ pending  failed  pending  │
//   └───────────────────────────────────┘ └───────────────────────────┘
//    first ≤ …   ▲ a hole is shown, never silent (D5)
//
// Numbers below `first` can no longer be had; `past`, if there is one, comes before everything.

/** A message the server has numbered. `key` names its row on the page, and stays when an outbox row becomes stored. */
export interface StoredRow extends Omit<Message, "data"> {
  readonly kind: "stored";
  readonly key: string;
}

/** An own message that the server has not confirmed (`pending`), or refused (`failed`, with the reason in words). */
export interface OutboxRow {
  readonly kind: "pending" | "failed";
  readonly key: string;
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** When it was written here, in milliseconds since 1970. */
  readonly at: number;
  readonly problem?: string;
}

export type Row = StoredRow | OutboxRow;

export interface Transcript {
  readonly stored: readonly StoredRow[];
  readonly outbox: readonly OutboxRow[];
  /** The lowest `seq` that can still be had; 1 until the server says otherwise. */
  readonly first: number;
  /** The newest `seq` heard of, whether or not its message is here; 0 in a conversation nobody has spoken in. */
  readonly newest: number;
  /** What was here before the server's store began anew (another `epoch`): its numbers meant other messages. */
  readonly past?: readonly StoredRow[];
}

export const EMPTY_TRANSCRIPT: Transcript = { stored: [], outbox: [], first: 1, newest: 0 };

/** Most stored messages kept, so that a page left open for days stays fast. The oldest go first. */
export const MAX_STORED_ROWS = 2000;

/** One name per message: ids are their sender's, so two users may choose the same one. */
export function rowKey(from: string, id: string): string {
  return `${from}\n${id}`;
}

/** Takes in messages from the server, live or from history, in any order; what is already here stays once. */
export function applyMessages(transcript: Transcript, messages: readonly Message[]): Transcript {
  if (messages.length === 0) return transcript;
  const rows = messages.map(({ seq, id, from, text, data, at }): StoredRow => {
    // Of a message of data alone, the data is what was said.
    const shown = text === "" && data !== undefined ? JSON.stringify(data) : text;
    return { kind: "stored", key: rowKey(from, id), seq, id, from, text: shown, at };
  });
  const arrived = new Set(rows.map((row) => row.key));
  const outbox = transcript.outbox.filter((row) => !arrived.has(row.key));
  const last = rows[rows.length - 1]!.seq;
  return {
    ...transcript,
    stored: merge(transcript.stored, rows).slice(-MAX_STORED_ROWS),
    outbox: outbox.length === transcript.outbox.length ? transcript.outbox : outbox,
    newest: Math.max(transcript.newest, last),
  };
}

/** Adds an own message, shown before the server has confirmed it; one with the same id is replaced. */
export function addPending(transcript: Transcript, row: Omit<OutboxRow, "kind" | "key">): Transcript {
  const key = rowKey(row.from, row.id);
  const others = transcript.outbox.filter((other) => other.key !== key);
  return { ...transcript, outbox: [...others, { ...row, kind: "pending", key }] };
}

/** Moves an own message from the outbox to its place: the server has stored it as `seq`. */
export function confirm(
  transcript: Transcript,
  user: string,
  ack: Pick<Message, "id" | "seq" | "at">,
): Transcript {
  const row = transcript.outbox.find((candidate) => candidate.key === rowKey(user, ack.id));
  if (row === undefined) return transcript;
  return applyMessages(transcript, [{ ...ack, from: user, text: row.text }]);
}

/** Marks an own message as refused, for `problem`. */
export function markRefused(transcript: Transcript, id: string, problem: string): Transcript {
  const outbox = transcript.outbox.map((row): OutboxRow => {
    return row.id === id ? { ...row, kind: "failed", problem } : row;
  });
  return { ...transcript, outbox };
}

/** Marks everything that still waits as failed: the line is gone, and nobody knows what arrived. */
export function markFailed(transcript: Transcript, problem: string): Transcript {
  if (!transcript.outbox.some((row) => row.kind === "pending")) return transcript;
  const outbox = transcript.outbox.map((row): OutboxRow => {
    return row.kind === "pending" ? { ...row, kind: "failed", problem } : row;
  });
  return { ...transcript, outbox };
}

/** The server keeps nothing up to `last` any more. */
export function markLost(transcript: Transcript, last: number): Transcript {
  return { ...transcript, first: Math.max(transcript.first, last + 1) };
}

/**
 * Puts what is here aside: the server's store began anew, and counts from 1 again; it has reached `newest`. What waits
 * to be sent stays.
 */
export function resetTranscript(transcript: Transcript, newest: number): Transcript {
  const past = transcript.stored.map((row) => ({ ...row, key: `past\n${row.key}` }));
  return { ...transcript, stored: [], first: 1, newest, past };
}

/** Says whether the server holds messages older than the oldest one here. */
export function hasEarlier(transcript: Transcript): boolean {
  const oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
  return oldest > transcript.first;
}

/** Both lists are in the order of `seq`; a message that is in both comes once. */
function merge(here: readonly StoredRow[], arriving: readonly StoredRow[]): StoredRow[] {
  const last = here[here.length - 1];
  if (last === undefined || arriving[0]!.seq > last.seq) return [...here, ...arriving];
  const bySeq = new Map<number, StoredRow>();
  for (const row of here) bySeq.set(row.seq, row);
  for (const row of arriving) if (!bySeq.has(row.seq)) bySeq.set(row.seq, row);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
