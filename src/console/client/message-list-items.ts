import type { PresentUser } from "../../protocol/server-frames.ts";
import type { Row, StoredRow, Transcript } from "./transcript.ts";

/** One thing in the list of messages. `key` names it as long as it stays the same thing. */
export type MessageListItem =
  /** `joined`: nothing stands between this row and the one above. */
  | {
      readonly kind: "row";
      readonly key: string;
      readonly row: Row;
      readonly above: Row | undefined;
      readonly isAdjacent: boolean;
    }
  /** Messages that are not here, and can be loaded. */
  | { readonly kind: "hole"; readonly key: string; readonly first: number; readonly last: number }
  /** Messages that can no longer be had. */
  | { readonly kind: "lost"; readonly key: string; readonly first: number; readonly last: number }
  /** Here the server's store began anew. */
  | { readonly kind: "anew"; readonly key: string };

/** The transcript from top to bottom, with what is missing in it. */
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
    // Whatever is missing there can no longer be had.
    addEpoch(past, Number.POSITIVE_INFINITY);
    items.push({ kind: "anew", key: "anew" });
  }
  addEpoch(stored, first);
  const last = stored[stored.length - 1]?.seq;
  if (last !== undefined) addMissing(last + 1, first - 1, first);
  for (const row of outbox) addRow(row);
  return items;
}

/** Who has read up to which row, by the row's key. One who wrote that row has shown it by that. */
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
