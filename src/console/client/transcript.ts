import type { Message } from "./one/connect.ts";

// The messages of a conversation that the page knows. Pure: every function returns a new transcript.
//
//     stored, by seq                        outbox, as written
//   ┌───────────────────────────────────┐ ┌───────────────────────────┐
//   │ 51  52  53      57  58 … newest   │ │ pending  failed  pending  │
//   └───────────────────────────────────┘ └───────────────────────────┘
//    first ≤ …   ▲ a gap is shown, never silent (D5)
//
// Messages below `first` can no longer be loaded; `past`, if present, precedes everything.

/** A stored message. `key` identifies its row on the page, and stays the same when an outbox row becomes stored. */
export interface StoredRow extends Omit<Message, "data"> {
  readonly kind: "stored";
  readonly key: string;
}

/** An own message that is not acked yet (`pending`), or was rejected (`failed`, with the reason as text). */
export interface OutboxRow {
  readonly kind: "pending" | "failed";
  readonly key: string;
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  readonly problem?: string;
}

export type Row = StoredRow | OutboxRow;

export interface Transcript {
  readonly stored: readonly StoredRow[];
  readonly outbox: readonly OutboxRow[];
  /** The lowest `seq` that can still be loaded; 1 until the server reports another. */
  readonly first: number;
  /** The newest known `seq`, whether or not its message is loaded; 0 in an empty conversation. */
  readonly newest: number;
  /** Messages of an earlier epoch of the server's store, whose `seq`s do not apply any more. */
  readonly past?: readonly StoredRow[];
}

export const EMPTY_TRANSCRIPT: Transcript = { stored: [], outbox: [], first: 1, newest: 0 };

/** Most stored messages kept, so that a page that is open for days stays fast. The oldest are dropped first. */
export const MAX_STORED_ROWS = 2000;

/** Returns a unique key per message: ids are chosen by senders, so two users may choose the same. */
export function rowKey(from: string, id: string): string {
  return `${from}\n${id}`;
}

/** Adds messages from the server, live or from history, in any order, each once. */
export function applyMessages(transcript: Transcript, messages: readonly Message[]): Transcript {
  if (messages.length === 0) return transcript;
  const rows = messages.map(({ seq, id, from, text, data, at }): StoredRow => {
    // A message without text shows its data.
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

/** Adds an own message before it is acked; one with the same id is replaced. */
export function addPending(transcript: Transcript, row: Omit<OutboxRow, "kind" | "key">): Transcript {
  const key = rowKey(row.from, row.id);
  const others = transcript.outbox.filter((other) => other.key !== key);
  return { ...transcript, outbox: [...others, { ...row, kind: "pending", key }] };
}

/** Moves an own message from the outbox to the stored ones: the server has stored it as `seq`. */
export function confirm(
  transcript: Transcript,
  user: string,
  ack: Pick<Message, "id" | "seq" | "at">,
): Transcript {
  const row = transcript.outbox.find((candidate) => candidate.key === rowKey(user, ack.id));
  if (row === undefined) return transcript;
  return applyMessages(transcript, [{ ...ack, from: user, text: row.text }]);
}

/** Marks an own message as rejected, with the reason `problem`. */
export function markRefused(transcript: Transcript, id: string, problem: string): Transcript {
  const outbox = transcript.outbox.map((row): OutboxRow => {
    return row.id === id ? { ...row, kind: "failed", problem } : row;
  });
  return { ...transcript, outbox };
}

/** Marks all pending messages as failed: the connection is lost, and it is unknown which messages arrived. */
export function markFailed(transcript: Transcript, problem: string): Transcript {
  if (!transcript.outbox.some((row) => row.kind === "pending")) return transcript;
  const outbox = transcript.outbox.map((row): OutboxRow => {
    return row.kind === "pending" ? { ...row, kind: "failed", problem } : row;
  });
  return { ...transcript, outbox };
}

/** Records that the server no longer stores messages up to `last`. */
export function markLost(transcript: Transcript, last: number): Transcript {
  return { ...transcript, first: Math.max(transcript.first, last + 1) };
}

/**
 * Moves all messages to `past`: the server's store began a new epoch, counts from 1 again, and has reached `newest`.
 * Pending messages stay.
 */
export function resetTranscript(transcript: Transcript, newest: number): Transcript {
  const past = transcript.stored.map((row) => ({ ...row, key: `past\n${row.key}` }));
  return { ...transcript, stored: [], first: 1, newest, past };
}

/** Whether the server has older messages than the oldest one loaded. */
export function hasEarlier(transcript: Transcript): boolean {
  const oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
  return oldest > transcript.first;
}

/** Merges two lists in the order of `seq`; a message in both is kept once. */
function merge(here: readonly StoredRow[], arriving: readonly StoredRow[]): StoredRow[] {
  const last = here[here.length - 1];
  if (last === undefined || arriving[0]!.seq > last.seq) return [...here, ...arriving];
  const bySeq = new Map<number, StoredRow>();
  for (const row of here) bySeq.set(row.seq, row);
  for (const row of arriving) if (!bySeq.has(row.seq)) bySeq.set(row.seq, row);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
