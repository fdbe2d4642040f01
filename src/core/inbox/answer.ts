import { MAX_INBOX_BYTES } from "../../protocol/frames/inbox-frames.ts";
import type { ListTotals } from "./list-numbers.ts";
import { encodeCursor, type Listed, type Page, pageOf, partsWithin } from "./page.ts";
import { changesSince, decodePosition, type Position } from "./position.ts";

/** What a client asks for. */
export interface InboxAsk {
  readonly limit: number;
  readonly cursor: Listed | undefined;
  /** The position that the client has. */
  readonly after: string | undefined;
}

/** A list as the store has it. */
export interface WholeList<Entry extends Listed & { readonly changedAt: number }> {
  readonly entries: readonly Entry[];
  /** Conversations that left the list. */
  readonly removed: readonly { readonly conversation: string; readonly changedAt: number }[];
  readonly position: Position;
}

/** What a client is sent. */
export interface InboxChoice<Entry> {
  /** In this order. */
  readonly entries: readonly Entry[];
  readonly removed: readonly string[];
  readonly more: boolean;
  readonly cursor: string | undefined;
  /** Whether the client drops the list that it has. */
  readonly reset: boolean;
}

/**
 * Chooses what of a list a client is sent (IN3). `memoryMs`: how long conversations that left the list are remembered.
 * `inPages`: the changes since a position have pages, too, of which the first one has the conversations that left.
 */
export function chooseItems<Entry extends Listed & { readonly changedAt: number }>(
  list: WholeList<Entry>,
  { limit, cursor, after }: InboxAsk,
  memoryMs: number,
  inPages = false,
): InboxChoice<Entry> {
  if (after === undefined) return { ...choiceOf(pageOf(list.entries, limit, cursor)), reset: false };
  const position = decodePosition(after);
  const since = position && changesSince(position, list.position, memoryMs);
  if (since === undefined) return { ...choiceOf(pageOf(list.entries, limit, undefined)), reset: true };
  const changed = list.entries.filter(({ changedAt }) => changedAt >= since);
  const removed = list.removed.filter(({ changedAt }) => changedAt >= since);
  return {
    ...choiceOf(pageOf(changed, inPages ? limit : changed.length, cursor)),
    removed: cursor === undefined ? removed.map(({ conversation }) => conversation) : [],
    reset: false,
  };
}

function choiceOf<Entry extends Listed>({
  items,
  more,
  cursor,
}: Page<Entry>): Omit<InboxChoice<Entry>, "reset"> {
  return { entries: items, removed: [], more, cursor };
}

/** What follows the items in each frame. */
export interface InboxEnd {
  readonly cursor: string | undefined;
  readonly reset: boolean;
  readonly position: string;
  readonly totals: ListTotals;
  /** The `id` of the request. */
  readonly id: string | undefined;
}

/** The members of `inbox` as JSON without the braces and the type. `items` are encoded. */
export function encodeInboxMembers(items: readonly string[], more: boolean, end: InboxEnd): string {
  const { cursor, reset, id } = end;
  const optional = `${cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`}${reset ? ',"reset":true' : ""}`;
  const named = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
  return `"items":[${items.join(",")}],"more":${more}${optional},${encodeTotals(end.position, end.totals)}${named}`;
}

function encodeInboxFrame(items: readonly string[], more: boolean, end: InboxEnd): string {
  return `{"type":"inbox",${encodeInboxMembers(items, more, end)}}`;
}

/**
 * The frames of an answer. `items` are the encoded items of `choice`, in its order. A page that is longer than a frame ends with the
 * frame, and the client asks for the rest with the cursor. The changes since `after` come in as many frames as it takes; only the
 * last one has the new position, so that a client that is cut off in between gets all of them again.
 */
export function encodeAnswer(
  items: readonly string[],
  choice: InboxChoice<Listed>,
  end: Pick<InboxEnd, "position" | "totals" | "id"> & Pick<InboxAsk, "after">,
): readonly string[] {
  const parts = partsWithin(items, MAX_ITEMS_BYTES);
  const { more, cursor, reset, entries } = choice;
  if (end.after === undefined || reset) {
    const [page = []] = parts;
    const isCut = parts.length > 1;
    const rest = isCut ? encodeCursor(entries[page.length - 1]!) : cursor;
    return [encodeInboxFrame(page, more || isCut, { ...end, cursor: rest, reset })];
  }
  return parts.map((part, i) => {
    const isLast = i === parts.length - 1;
    const position = isLast ? end.position : end.after!;
    return encodeInboxFrame(part, !isLast, { ...end, position, cursor: undefined, reset: false });
  });
}

/** `item` is encoded. */
export function encodeItemFrame(item: string, position: string, totals: ListTotals): string {
  return `{"type":"inbox_item","item":${item},${encodeTotals(position, totals)}}`;
}

function encodeTotals(position: string, { unread, unreadConversations }: ListTotals): string {
  return `"position":${JSON.stringify(position)},"unread_total":${unread},"unread_conversations":${unreadConversations}`;
}

/** The bytes of a frame that are not items. */
const FRAME_BYTES = 2_048;

/** The most bytes of the items of one frame. */
const MAX_ITEMS_BYTES = MAX_INBOX_BYTES - FRAME_BYTES;
