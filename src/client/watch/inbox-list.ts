import type { InboxChange, InboxItem, InboxPage, RemovedItem } from "../types/frames.ts";

/** The conversations of a user, those with the newest message first. */
export interface InboxList {
  readonly items: readonly InboxItem[];
  /** Unread messages in all conversations of the user, also in those that are not loaded. */
  readonly unread: number;
  readonly unread_conversations: number;
  /** Whether `loadMore()` finds more. */
  readonly hasMore: boolean;
  /** `loading`: the first page is awaited. `stale`: the line is down. */
  readonly status: "loading" | "ready" | "stale";
}

/** The list, and what it needs to go on. */
export interface InboxState extends InboxList {
  /** Where to go on after the line was lost. */
  readonly position?: string;
  readonly cursor?: string | undefined;
}

/** `asked`: the page answers a request for the newest items, for older ones, or for what changed. */
export type InboxEvent =
  | { readonly type: "page"; readonly page: InboxPage; readonly asked: "newest" | "older" | "changes" }
  | { readonly type: "change"; readonly change: InboxChange }
  | { readonly type: "down" };

export const EMPTY_INBOX: InboxState = {
  items: [],
  unread: 0,
  unread_conversations: 0,
  hasMore: false,
  status: "loading",
};

/** One step of the inbox: returns the state after `event`. */
export function inboxStep(state: InboxState, event: InboxEvent): InboxState {
  if (event.type === "down") return state.status === "ready" ? { ...state, status: "stale" } : state;
  const frame = event.type === "page" ? event.page : event.change;
  const next = {
    ...state,
    unread: frame.unread_total,
    unread_conversations: frame.unread_conversations,
    position: frame.position,
  };
  if (event.type === "change") return { ...next, items: merge(state.items, [event.change.item]) };
  const { items, cursor, reset } = event.page;
  const isReset = reset === true || event.asked === "newest";
  return {
    ...next,
    items: merge(isReset ? [] : state.items, items),
    status: "ready",
    // What changed says nothing about older items.
    ...((isReset || event.asked === "older") && { cursor, hasMore: cursor !== undefined }),
  };
}

function merge(
  items: readonly InboxItem[],
  changed: readonly (InboxItem | RemovedItem)[],
): readonly InboxItem[] {
  const all = new Map(items.map((item) => [item.conversation, item]));
  for (const item of changed) {
    if ("removed" in item) all.delete(item.conversation);
    else all.set(item.conversation, item);
  }
  return [...all.values()].sort((a, b) => b.at - a.at || (a.conversation < b.conversation ? -1 : 1));
}
