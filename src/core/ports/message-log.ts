// The port for the messages of conversations and what they cost. `test/contracts/engine.ts` is the contract in executable form.
import type { Quota } from "../../protocol/server-frames.ts";
import type { Entry, EntryKind } from "../conversation/entry.ts";

export interface PostRequest {
  readonly conversation: string;
  readonly user: string;
  /** The sender's name for the message. The same `id` of the same `user` in the same `conversation` is one message. */
  readonly id: string;
  readonly kind: EntryKind;
  /** The content of the entry's kind, encoded as in Entry. The engine MUST store and return it unchanged. */
  readonly body: string;
  /** The epoch in which the sender is in the conversation. Where it was removed since, the message MUST NOT be stored. */
  readonly epoch?: string;
  /** Requests an hour of the sender's plan as it is now; 0 is unmetered: such requests MUST NOT be counted. */
  readonly limit: number;
}

export type PostResult =
  | {
      readonly outcome: "stored" | "duplicate";
      readonly seq: number;
      readonly at: number;
      readonly quota: Quota | null;
    }
  | RateLimited
  | Removed
  | Unavailable;

/** The conversation was removed after the sender came into it (MB6). Nothing was charged or stored. */
export interface Removed {
  readonly outcome: "removed";
}

/** Refused and not recorded; the next request is accepted in exactly `retryAfter` milliseconds. */
export interface RateLimited {
  readonly outcome: "rate_limited";
  readonly retryAfter: number;
  readonly quota: Quota;
}

/** Nothing is known to have happened; sending the same request again is safe. */
export interface Unavailable {
  readonly outcome: "unavailable";
}

export interface HistoryRequest {
  readonly conversation: string;
  readonly user: string;
  readonly limit: number;
  /** Newest messages below this `seq`. Without `before` and `after`: the newest of all. */
  readonly before?: number;
  /** Oldest messages above this `seq`. */
  readonly after?: number;
  readonly count: number;
}

export type HistoryResult =
  | {
      readonly outcome: "read";
      readonly entries: readonly Entry[];
      readonly more: boolean;
      readonly quota: Quota | null;
    }
  | RateLimited
  | Unavailable;

/** Called for each message stored after `subscribe` resolved, once, in the order of `seq`, without holes. */
export type EntryListener = (conversation: string, entry: Entry) => void;

/** Called with the newest `seq` that is not announced any more, and with the epoch that begins. */
export type EpochListener = (conversation: string, seq: number, epoch: string) => void;

export interface Subscription {
  /** The newest `seq` stored when the subscription began; 0 in a conversation without messages. */
  readonly seq: number;
  /**
   * As in core/conversation/epoch.ts. It changes when stored messages may be gone, and when the conversation is
   * removed.
   */
  readonly epoch: string;
  /** Ends it; the listener is not called again. */
  stop(): void;
}

/** How far a conversation reaches. */
export interface Head {
  /** The newest `seq`; 0 in a conversation without messages. It never falls, whatever is removed. */
  readonly seq: number;
  /** The oldest `seq` that is still kept; `seq` + 1 when there is none. It never falls either. */
  readonly first: number;
  /** As in `Subscription`. */
  readonly epoch: string;
}

/** The messages of all conversations, in order, stored and charged. */
export interface MessageLog {
  /**
   * Checks the id, charges the sender, numbers, stores and announces a message: all of it or none.
   *
   * `done` MUST be called exactly once, after the message is stored so that a crash of the process cannot lose it
   * (D2), and after it was announced. Results of one caller MUST come in the order of its calls. MUST NOT charge or
   * announce a duplicate (D3, Q2), nor charge or record what it refuses (Q2). Time is the store's (Q1).
   *
   * A callback and not a promise: results of one batch and its announcements arrive in one turn of the event loop,
   * interleaved in the order of `seq`, so that a connection's frames can be sent with one system call.
   */
  post(request: PostRequest, done: (result: PostResult) => void): void;

  /** Charges the user one request and reads messages in the order of `seq`: both or neither. */
  history(request: HistoryRequest, done: (result: HistoryResult) => void): void;

  /** Starts to announce a conversation's messages. MUST NOT miss or repeat one between the `seq` it resolves with and the first call. */
  subscribe(conversation: string, listener: EntryListener): Promise<Subscription>;

  /** The range of the conversation's messages. MUST NOT change when messages are only read. */
  head(conversation: string): Promise<Head>;

  /**
   * For a client that comes back: the oldest `count` messages with `after` < seq ≤ `last` that are kept, in the order of
   * `seq`, without a charge. Fewer than `count` when their bodies pass MAX_HISTORY_BYTES, but at least one where
   * one is kept; none means that none is. Undefined: it cannot be read now.
   *
   * MUST leave no hole between two messages, nor between `max(after + 1, first)` and the first one. MUST NOT hold up
   * posts, however many pages are asked for at once: one is read at a time, in the order asked, and what arrived
   * meanwhile goes before the next.
   */
  page(
    conversation: string,
    after: number,
    last: number,
    count: number,
  ): Promise<readonly Entry[] | undefined>;

  /**
   * Calls `listener` for each conversation with a subscription that has another epoch from now on: it was removed, or
   * messages of it that were announced or acked may be gone. What is announced next follows `seq`. Clients that were shown
   * such messages MUST be notified (D5, MB6). A removal MUST be reported within a second. Returns a function that stops it.
   */
  watchEpoch(listener: EpochListener): () => void;
}

/** What users have left of their plan. Charges are made by MessageLog. */
export interface Quotas {
  /** The user's allowance as of now, without charging. */
  quota(user: string, limit: number): Promise<Quota | null>;
}
