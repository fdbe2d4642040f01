import { explainMissingRight, type Grants } from "../../core/access/grants.ts";
import { itemOf, removedItem, sortTime } from "../../core/inbox/item.ts";
import type { ListTotals } from "../../core/inbox/list-numbers.ts";
import type { Listed } from "../../core/inbox/page.ts";
import { type Position, scopeOf } from "../../core/inbox/position.ts";
import { unreadOf } from "../../core/inbox/unread.ts";
import type { Inboxes } from "../../core/ports/conversation/inbox.ts";
import type { MemberStore, UserConversation } from "../../core/ports/conversation/members.ts";

/** The ports that an inbox is read from. */
export interface InboxSources {
  readonly inbox: Inboxes;
  readonly members: Pick<MemberStore, "conversationsOf" | "read" | "readForUser" | "watch">;
}

/** The most names that one call of the port of members returns: SQLite sorts the whole list in each call. */
const NAMES_AT_ONCE = 20_000;
/** The items that are made in one turn of the event loop. */
const ITEMS_AT_ONCE = 50;

/** A conversation of a list, without what only its item shows. */
export interface ListEntry extends Listed {
  readonly unread: number;
  /** When something changed last that the item shows, in milliseconds since 1970 by the store's clock. */
  readonly changedAt: number;
}

/** All conversations of a user that a token allows. */
export interface InboxList {
  readonly entries: readonly ListEntry[];
  /** Conversations that left the list, with the time of that. */
  readonly removed: readonly { readonly conversation: string; readonly changedAt: number }[];
  readonly totals: ListTotals;
  readonly position: Position;
}

/**
 * Reads the list of a user. `onNames` is called with the conversations before their numbers are read: changes from then on
 * are not all in the result.
 */
export async function readList(
  { inbox, members }: InboxSources,
  user: string,
  grants: Grants,
  onNames?: (conversations: readonly string[]) => void,
): Promise<InboxList> {
  // A user who becomes a member after the names were read is not in the result, so its position is not later than that.
  const [{ now: startedAt }, known] = await Promise.all([
    inbox.read([], false),
    readNames(members, user, grants),
  ]);
  const joined = known.filter(({ role }) => role !== undefined);
  onNames?.(joined.map(({ conversation }) => conversation));
  const queries = joined.map(({ conversation }) => ({ conversation, users: [user] }));
  const { views, now, store } = await inbox.read(queries, false);
  const entries: ListEntry[] = [];
  let unreadTotal = 0;
  let unreadConversations = 0;
  for (const [i, { conversation, since = 0, changedAt }] of joined.entries()) {
    const view = views[i]!;
    const { read, markedAt } = view.readers[0]!;
    const unread = unreadOf(view, read);
    unreadTotal += unread;
    if (unread > 0) unreadConversations++;
    entries.push({
      conversation,
      at: sortTime(view, since),
      unread,
      changedAt: Math.max(view.changedAt, markedAt, changedAt),
    });
  }
  return {
    entries,
    removed: known.filter(({ role }) => role === undefined),
    totals: { unread: unreadTotal, unreadConversations },
    position: { store, time: Math.min(startedAt, now), scope: scopeOf(grants) },
  };
}

async function readNames(
  members: InboxSources["members"],
  user: string,
  grants: Grants,
): Promise<UserConversation[]> {
  const names: UserConversation[] = [];
  for (let after: string | undefined; ; ) {
    const { conversations, more } = await members.conversationsOf(user, { after, limit: NAMES_AT_ONCE });
    for (const each of conversations) if (isAllowed(grants, each.conversation)) names.push(each);
    after = conversations.at(-1)?.conversation;
    if (!more || after === undefined) return names;
  }
}

/** Returns whether a token shows the conversation in the inbox of its user. */
export function isAllowed(grants: Grants, conversation: string): boolean {
  return explainMissingRight(grants, conversation, "read") === undefined;
}

/** An item as it is sent, with what the list keeps of it. */
export interface ReadItem {
  readonly conversation: string;
  /** Undefined: the user does not belong to the conversation. */
  readonly unread: number | undefined;
  /** The item as JSON. */
  readonly json: string;
}

/** Reads the items of one conversation, for each of `users`. */
export async function readItems(
  { inbox, members }: InboxSources,
  conversation: string,
  users: readonly string[],
): Promise<{ readonly items: readonly ReadItem[]; readonly now: number }> {
  const [{ views, now }, standings] = await Promise.all([
    inbox.read([{ conversation, users }], true),
    members.read(conversation, users),
  ]);
  const view = views[0]!;
  const items = users.map((user, i) => {
    const standing = standings.standings.get(user);
    const reader = view.readers[i]!;
    const { facts, now: storeTime } = standings;
    return encodeItem(itemOf({ conversation, user, view, reader, facts, standing, now: storeTime }));
  });
  return { items, now };
}

/** Reads the items of several conversations for one user, in their order. */
export async function readItemsOf(
  { inbox, members }: InboxSources,
  user: string,
  conversations: readonly string[],
): Promise<readonly ReadItem[]> {
  const items: ReadItem[] = [];
  for (let from = 0; from < conversations.length; from += ITEMS_AT_ONCE) {
    const some = conversations.slice(from, from + ITEMS_AT_ONCE);
    const queries = some.map((conversation) => ({ conversation, users: [user] }));
    const [{ views }, { views: own, now }] = await Promise.all([
      inbox.read(queries, true),
      members.readForUser(user, some),
    ]);
    for (const [i, conversation] of some.entries()) {
      const view = views[i]!;
      const { facts, standing } = own[i]!;
      const parts = { conversation, user, view, reader: view.readers[0]!, facts, standing, now };
      items.push(encodeItem(itemOf(parts)));
    }
  }
  return items;
}

/** An item that says only that the conversation left the list. */
export function removedAsRead(conversation: string): ReadItem {
  return encodeItem(removedItem(conversation));
}

function encodeItem(item: ReturnType<typeof itemOf>): ReadItem {
  const unread = "removed" in item ? undefined : item.unread;
  return { conversation: item.conversation, unread, json: JSON.stringify(item) };
}
