// The port for conversations as an operator sees and changes them, beside servers that may be at work on them.
import type { Entry } from "../conversation/entry.ts";

/** What an operator sees of a conversation. */
export interface ConversationSummary {
  readonly id: string;
  /** The newest `seq`, and the oldest that is kept; `seq` + 1 when none is. */
  readonly seq: number;
  readonly first: number;
  /** When the newest message was stored, in milliseconds since 1970; undefined when none is kept. */
  readonly lastAt: number | undefined;
  readonly keep: RetentionOverride;
}

/** Limits of one conversation's own: null is as the server's settings say, 0 without limit. */
export interface RetentionOverride {
  readonly messages: number | null;
  readonly days: number | null;
}

export interface ConversationStore {
  /** MUST be ordered by id, and without those that were removed and have no message since. The same holds for `find`. */
  list(): Promise<ConversationSummary[]>;
  find(id: string): Promise<ConversationSummary | undefined>;
  /** How far each user has read. */
  readMarks(id: string): Promise<ReadonlyMap<string, number>>;
  /** The entries that are kept, in the order of `seq`, read in pages. */
  entries(id: string): AsyncIterable<Entry>;
  /**
   * Removes a conversation, its messages, read marks and limits, for every reader. What bears its name later is another
   * one, in another epoch (core/conversation/epoch.ts). Its numbers MUST go on where they were, so that no client takes a new message
   * for an old one. Returns false where there is no such conversation.
   */
  remove(id: string): Promise<boolean>;
  /** Gives a conversation limits of its own. Returns false where there is no such conversation. */
  retain(id: string, limits: RetentionOverride): Promise<boolean>;
  close(): Promise<void>;
}
