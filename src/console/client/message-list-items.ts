import type { PresentUser } from "../../protocol/server-frames.ts";
import type { Row, StoredRow, Transcript } from "./transcript.ts";

/** One item of the message list. `key` identifies it across redraws. */
export type MessageListItem =
  /** `joined`: the row directly follows the one above. */
  | {
      readonly kind: "row";
      readonly key: string;
      readonly row: Row;
      readonly above: Row | undefined;
      readonly isAdjacent: boolean;
    }
  /** Messages that are not loaded, but can be. */
  | { readonly kind: "hole"; readonly key: string; readonly first: number; readonly last: number }
  /** Messages that can no longer be loaded. */
  | { readonly kind: "lost"; readonly key: string; readonly first: number; readonly last: number }
  /** The server's store began a new epoch here. */
  | { readonly kind: "new_epoch"; readonly key: string };

/** Returns the transcript from top to bottom, with items for missing messages. */
export function messageListItems({ past, stored, outbox, first }: Transcript): readonly MessageListItem[] {
  const items: MessageListItem[] = [];
  let above: Row | undefined;

  function addRow(row: Row): void {
    const isAdjacent = items.length === 0 || items[items.length - 1]?.kind === "row";
    items.push({ kind: "row", key: row.key, row, above, isAdjacent });
    above = row;
  }

  function addMissing(from: number, to: number, floor: number): void {
    const kept = Math.max(from, floor);
    const lostTo = Math.min(to, kept - 1);
    if (from <= lostTo)
      items.push({ kind: "lost", key: `lost ${from} ${lostTo}`, first: from, last: lostTo });
    if (kept <= to) items.push({ kind: "hole", key: `hole ${kept} ${to}`, first: kept, last: to });
  }

  function addEpoch(rows: readonly StoredRow[], floor: number): void {
    let seq: number | undefined;
    for (const row of rows) {
      if (seq !== undefined) addMissing(seq + 1, row.seq - 1, floor);
      addRow(row);
      seq = row.seq;
    }
  }

  if (past !== undefined) {
    // Messages that are missing there can no longer be loaded.
    addEpoch(past, Number.POSITIVE_INFINITY);
    items.push({ kind: "new_epoch", key: "new_epoch" });
  }
  addEpoch(stored, first);
  const last = stored[stored.length - 1]?.seq;
  if (last !== undefined) addMissing(last + 1, first - 1, first);
  for (const row of outbox) addRow(row);
  return items;
}

/** Returns, by the row's key, the users who have read up to that row, except its sender. */
export function readersByRow(
  rows: readonly StoredRow[],
  present: readonly PresentUser[],
  user: string,
): ReadonlyMap<string, readonly string[]> {
  const marks = new Map<string, string[]>();
  for (const other of present) {
    const { read } = other;
    if (read === undefined || other.user === user) continue;
    const row = rows.findLast(({ seq }) => seq <= read);
    if (row === undefined || row.from === other.user) continue;
    marks.set(row.key, [...(marks.get(row.key) ?? []), other.user].sort());
  }
  return marks;
}
