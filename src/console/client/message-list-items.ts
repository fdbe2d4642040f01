import type { Entry, MessageList } from "../../client/index.ts";
import type { PresentUser } from "../../protocol/server-frames.ts";

/** One item of the message list. `key` identifies it across redraws. */
export type MessageListItem =
  /** `isAdjacent`: the row directly follows the one above. `isFirstNew`: it and those below are new to the user. */
  | {
      readonly kind: "row";
      readonly key: string;
      readonly row: Entry;
      readonly above: Entry | undefined;
      readonly isAdjacent: boolean;
      readonly isFirstNew: boolean;
    }
  /** Messages that are not loaded, but can be. `isNewest`: none is missing below. */
  | {
      readonly kind: "hole";
      readonly key: string;
      readonly first: number;
      readonly last: number;
      readonly isNewest: boolean;
    }
  /** Messages that can no longer be loaded. */
  | { readonly kind: "lost"; readonly key: string; readonly first: number; readonly last: number }
  /** The server's store began a new epoch here. */
  | { readonly kind: "new_epoch"; readonly key: string };

/** Most entries shown, so that a page that is open for days stays fast. The oldest are left out. */
export const MAX_SHOWN_ENTRIES = 2000;

/**
 * Returns the list from top to bottom, with items for missing messages. `readBefore`: the messages after it are new to the
 * user; undefined: there is no such mark.
 */
export function messageListItems(
  { entries, lost }: Pick<MessageList, "entries" | "lost">,
  readBefore?: number,
): readonly MessageListItem[] {
  const items: MessageListItem[] = [];
  let above: Entry | undefined;
  let isMarked = readBefore === undefined;
  /** The positions of the holes. */
  const gaps: number[] = [];
  if (lost.some((one) => "epoch" in one)) items.push({ kind: "new_epoch", key: "new_epoch" });
  let last: number | undefined;
  for (const row of entries.slice(-MAX_SHOWN_ENTRIES)) {
    if (row.seq === undefined) addLostEnd();
    else {
      if (last !== undefined && row.seq > last + 1) addMissing(last + 1, row.seq - 1);
      last = row.seq;
    }
    const isFirstNew = !isMarked && !row.own && row.seq !== undefined && row.seq > readBefore!;
    isMarked ||= isFirstNew;
    const isAdjacent = items.length === 0 || items[items.length - 1]?.kind === "row";
    items.push({ kind: "row", key: row.key, row, above, isAdjacent, isFirstNew });
    above = row;
  }
  addLostEnd();

  /** What was lost after the last stored message is shown before anything follows it. */
  function addLostEnd(): void {
    const range = lost.find((one) => "last" in one && last !== undefined && one.last > last);
    if (range === undefined || !("last" in range)) return;
    const first = Math.max(range.first, last! + 1);
    items.push({ kind: "lost", key: `lost ${first} ${range.last}`, first, last: range.last });
    last = range.last;
  }

  function addMissing(first: number, last: number): void {
    const range = lost.find((one) => "last" in one && one.first <= last && one.last >= first);
    const lostTo = range !== undefined && "last" in range ? Math.min(range.last, last) : first - 1;
    if (lostTo >= first) items.push({ kind: "lost", key: `lost ${first} ${lostTo}`, first, last: lostTo });
    if (lostTo < last) {
      gaps.push(items.length);
      items.push({
        kind: "hole",
        key: `hole ${lostTo + 1} ${last}`,
        first: lostTo + 1,
        last,
        isNewest: false,
      });
    }
  }

  const newest = gaps.at(-1);
  if (newest !== undefined) items[newest] = { ...items[newest], isNewest: true } as MessageListItem;
  return items;
}

/**
 * Returns after which message the list is new to the user who opens it: after the read mark, and after the user's own newest
 * message, by which all before it counts as read (IN1). Infinity: nothing is new, and what comes while the user looks on is not.
 */
export function readAtOpening({ entries, read }: Pick<MessageList, "entries" | "read">): number {
  let last = read;
  for (const { own, seq } of entries) if (own && seq !== undefined) last = Math.max(last, seq);
  return entries.some(({ own, seq }) => !own && seq !== undefined && seq > last)
    ? last
    : Number.POSITIVE_INFINITY;
}

/** Returns, by the row's key, the users who have read up to that row, except its sender. */
export function readersByRow(
  rows: readonly Entry[],
  present: readonly PresentUser[],
  user: string,
): ReadonlyMap<string, readonly string[]> {
  const marks = new Map<string, string[]>();
  for (const other of present) {
    const { read } = other;
    if (read === undefined || other.user === user) continue;
    const row = rows.findLast(({ seq }) => seq !== undefined && seq <= read);
    if (row === undefined || row.from === other.user) continue;
    marks.set(row.key, [...(marks.get(row.key) ?? []), other.user].sort());
  }
  return marks;
}
