// The port for the facts and members of conversations. The rules are in core/members/; `test/contracts/members.ts` is the
// contract. Posts are decided together with it (`PostRequest` in ports/message-log.ts): what the store answers to a post MUST be
// decided on the standings at that moment, in the transaction that stores the message.
import type { ListPage } from "../../collections/list-page.ts";
import type {
  ConversationChange,
  ConversationFacts,
  ConversationNews,
  ConversationView,
  Role,
  Sanction,
  Standing,
} from "../../members/records.ts";

export interface MemberStore {
  /** Returns a conversation with the standings of `users`, at one moment. */
  read(conversation: string, users: readonly string[]): Promise<ConversationView>;

  /**
   * Returns the facts of many conversations and the standing of one user in each, in the order of `conversations`. Each is of one
   * moment; they need not be of the same one. `now` is a time of the store during the reading, in milliseconds since 1970.
   */
  readForUser(
    user: string,
    conversations: readonly string[],
  ): Promise<{ readonly views: readonly UserView[]; readonly now: number }>;

  /**
   * Carries out a change that was decided on the view with `revision`: all of it or nothing. MUST change nothing and return
   * false when another change was made since that view, or the conversation was removed. A user who becomes a member with a
   * message (`PostRequest.joins`) makes no new revision.
   *
   * Resolves when the change is stored as safely as a message. From then on no post is stored that the new standings refuse.
   * On Redis the list of a user is in another slot: it MUST be written before a membership and removed after it, and
   * `conversationsOf` MUST leave out what the conversation does not confirm.
   */
  change(conversation: string, revision: number, change: ConversationChange): Promise<boolean>;

  /** Records that the user has opened the conversation: removes `unopened`. Makes no new revision, and no news. */
  markOpened(conversation: string, user: string): Promise<void>;

  /** Returns the members of a conversation, ordered by user. */
  members(conversation: string, range: NameRange): Promise<{ members: MemberEntry[]; more: boolean }>;

  /** Returns the mutes or bans that are in force, ordered by user. */
  sanctions(
    conversation: string,
    kind: "muted" | "banned",
    range: NameRange,
  ): Promise<{ sanctions: SanctionEntry[]; more: boolean }>;

  /** Returns the user with this role who has been a member for the longest time, other than `except`. */
  oldest(conversation: string, role: Role, except: string): Promise<string | undefined>;

  /** Returns the conversations of a user, ordered by name, with those that it does not belong to any more. */
  conversationsOf(
    user: string,
    range: NameRange,
  ): Promise<{ conversations: UserConversation[]; more: boolean }>;

  /**
   * Returns names of conversations, among them those of removed ones; undefined for a `cursor` that is no `next` of an earlier
   * page. A conversation that is made meanwhile may be missing.
   */
  names(limit: number, cursor?: string): Promise<ListPage<string> | undefined>;

  /** The number of conversations that the user belongs to, and those that it was put into and has not opened. */
  listSize(user: string): Promise<ListSize>;

  /** Returns a secret of the store that never changes, 32 hexadecimal digits or more: unguessable names are made with it. */
  nameSecret(): Promise<string>;

  /**
   * Reports every change, also one made by another process, within a second. Returns a function that stops it.
   *
   * `onGap` is called when changes may have been missed, because the store was unavailable or has lost data. The listener
   * MUST then check each open conversation again. When it rejects, it is called again.
   */
  watch(listener: NewsListener, onGap?: () => Promise<void> | void): () => void;
}

export type NewsListener = (conversation: string, news: readonly ConversationNews[]) => void;

/** Entries after the name `after` (without it: from the first), at most `limit`. */
export interface NameRange {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** What the store has of a conversation and one user. */
export interface UserView {
  readonly facts: ConversationFacts | undefined;
  /** Undefined where nothing is stored about the user. */
  readonly standing: Standing | undefined;
}

export interface MemberEntry {
  readonly user: string;
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** The read mark; missing where the user has none. */
  readonly read?: number;
}

export interface SanctionEntry extends Sanction {
  readonly user: string;
}

/** A conversation in the list of a user. */
export interface UserConversation {
  readonly conversation: string;
  /** Undefined: the user does not belong to it any more, or it was removed. Kept for LIST_MEMORY_MS after `changedAt`. */
  readonly role: Role | undefined;
  /** When the user became a member; only together with `role`. In milliseconds since 1970, as `changedAt`. */
  readonly since?: number;
  /** When the role was last given or taken. */
  readonly changedAt: number;
}

export interface ListSize {
  readonly conversations: number;
  readonly unopened: number;
  /** The one that was joined first; undefined where there is none. */
  readonly oldestUnopened: string | undefined;
}

/** How long a conversation that left the list of a user is remembered, in milliseconds (IN3). */
export const LIST_MEMORY_MS = 30 * 24 * 3_600_000;
