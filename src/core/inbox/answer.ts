import { MAX_INBOX_BYTES } from "../../protocol/inbox-frames.ts";
import type { ListTotals } from "./list-numbers.ts";
import { type Listed, type Page, pageOf } from "./page.ts";
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

/** Chooses what of a list a client is sent (IN3). `memoryMs`: how long conversations that left the list are remembered. */
export function chooseItems<Entry extends Listed & { readonly changedAt: number }>(
  list: WholeList<Entry>,
  { limit, cursor, after }: InboxAsk,
  memoryMs: number,
): InboxChoice<Entry> {
  if (after === undefined) return { ...choiceOf(pageOf(list.entries, limit, cursor)), reset: false };
  const position = decodePosition(after);
  const since = position && changesSince(position, list.position, memoryMs);
  if (since === undefined) return { ...choiceOf(pageOf(list.entries, limit, undefined)), reset: true };
  const changed = list.entries.filter(({ changedAt }) => changedAt >= since);
  return {
    ...choiceOf(pageOf(changed, changed.length, undefined)),
    removed: list.removed
      .filter(({ changedAt }) => changedAt >= since)
      .map(({ conversation }) => conversation),
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

export function encodeInboxFrame(items: readonly string[], more: boolean, end: InboxEnd): string {
  return `{"type":"inbox",${encodeInboxMembers(items, more, end)}}`;
}

/** `item` is encoded. */
export function encodeItemFrame(item: string, position: string, totals: ListTotals): string {
  return `{"type":"inbox_item","item":${item},${encodeTotals(position, totals)}}`;
}

function encodeTotals(position: string, { unread, unreadConversations }: ListTotals): string {
  return `"position":"${position}","unread_total":${unread},"unread_conversations":${unreadConversations}`;
}

/** The bytes of a frame that are not items. */
const FRAME_BYTES = 2_048;

/** The most bytes of the items of one frame. */
export const MAX_ITEMS_BYTES = MAX_INBOX_BYTES - FRAME_BYTES;
