// The port for what the inbox (core/inbox/) needs to know of conversations. `test/contracts/engine/inbox.ts` is the contract.
// Which conversations a user has, and their facts, come from the port of members.
import type { Entry } from "../../conversation/entry.ts";

export interface InboxQuery {
  readonly conversation: string;
  /** The users whose marks are read. */
  readonly users: readonly string[];
}

/** How far a user has read. */
export interface InboxReader {
  /**
   * The newest `seq` that counts as read: that of the user's read mark, of its own newest message, or of the newest message
   * when it became a member; 0 for none.
   */
  readonly read: number;
  /** When the user's mark moved last, in milliseconds since 1970; 0 if it never did. */
  readonly markedAt: number;
}

/** A conversation at one moment. */
export interface InboxView {
  /** The newest `seq`, and the oldest that is kept, as in `Head`. */
  readonly seq: number;
  readonly first: number;
  readonly epoch: string;
  /** When the newest message was stored, in milliseconds since 1970, also if it is not kept; 0 if there never was one. */
  readonly at: number;
  /** When something changed for all users of the conversation: a message, its facts, what is kept, its epoch. Never below `at`. */
  readonly changedAt: number;
  /** The newest message that is kept; undefined if there is none, or it was not asked for. */
  readonly newest: Entry | undefined;
  /** In the order of the query's `users`. */
  readonly readers: readonly InboxReader[];
}

/** Called when the item of a conversation may have changed: for `user` only, or for all users. */
export type InboxListener = (conversation: string, user: string | undefined) => void;

export interface Inboxes {
  /**
   * Returns the conversations of `queries`, in their order; one that does not exist has `seq` 0. `newest`: with their newest
   * messages. `now` is the store's time when the reading began: what changes later has this time or a greater one, apart from
   * the difference of two clocks (POSITION_SLACK_MS in core/inbox/position.ts). `store` names the store: when it is another one,
   * stored changes may be gone.
   *
   * Each view MUST be of one moment. Unread numbers that are computed of it MUST be exact (IN1), also after a crash. MUST NOT
   * hold up posts: large reads are done in slices, a few calls at a time. Rejects when the store cannot be read now.
   */
  read(
    queries: readonly InboxQuery[],
    newest: boolean,
  ): Promise<{ readonly views: readonly InboxView[]; readonly now: number; readonly store: string }>;

  /**
   * Calls `listener` for each change of what `read` returns, on every node, within a second: once or more often for a
   * change, and once for several that follow each other quickly. When it is called, `read` returns the new state.
   * `onGap` is called when changes may have been missed. MUST cost nothing while there is no listener.
   *
   * Resolves when no later change is missed, with a function that stops it.
   */
  watch(listener: InboxListener, onGap: () => void): Promise<() => void>;
}
