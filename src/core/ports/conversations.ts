// The port through which an operator lists and changes conversations, also while servers run.
import type { Entry } from "../conversation/entry.ts";

/** Raised when a conversation has another epoch than when reading it began: the rest of what was read is gone. */
export class EpochChanged extends Error {
  constructor(conversation: string) {
    super(`${conversation} was removed, or put back from a backup, while it was read.`);
  }
}

/** A conversation as an operator sees it. */
export interface ConversationSummary {
  readonly id: string;
  /** The newest `seq`, and the oldest that is kept; `seq` + 1 when none is. */
  readonly seq: number;
  readonly first: number;
  /** When the newest message was stored, in milliseconds since 1970; undefined when none is kept. */
  readonly lastAt: number | undefined;
  readonly keep: RetentionOverride;
}

/** A conversation's own limits: null means the server's settings, 0 no limit. */
export interface RetentionOverride {
  readonly messages: number | null;
  readonly days: number | null;
}

export interface ConversationStore {
  /**
   * MUST be ordered by id. MUST NOT contain a removed conversation without new messages; `find` returns undefined for such
   * a one.
   */
  list(): Promise<ConversationSummary[]>;
  find(id: string): Promise<ConversationSummary | undefined>;
  /** How far each user has read. */
  readMarks(id: string): Promise<ReadonlyMap<string, number>>;
  /**
   * The entries that are kept, in the order of `seq`, read in pages. MUST throw EpochChanged when the conversation is removed, or
   * the store begins a new epoch, before the last page is read: the entries so far are whole pages of the old epoch.
   */
  entries(id: string): AsyncIterable<Entry>;
  /**
   * Removes a conversation with its messages, read marks and limits. A later conversation of the same name is another one,
   * with another epoch (core/conversation/epoch.ts). Its `seq` MUST continue after the last one, so that no client takes a new
   * message for an old one. Returns false where there is no such conversation.
   */
  remove(id: string): Promise<boolean>;
  /** Sets a conversation's own limits. Returns false if it does not exist. */
  retain(id: string, limits: RetentionOverride): Promise<boolean>;
  close(): Promise<void>;
}
