// The port for the messages of conversations and their charges. `test/contracts/engine.ts` is the contract.
import type { Quota } from "../../protocol/server-frames.ts";
import type { OwnReactions } from "../changes/message-state.ts";
import type { Entry, EntryKind } from "../conversation/entry.ts";
import type { SpeechRefusal } from "../members/speech.ts";

export interface PostRequest {
  readonly conversation: string;
  readonly user: string;
  /** The sender's id for the message. Requests with the same `id`, `user` and `conversation` are one message. */
  readonly id: string;
  readonly kind: EntryKind;
  /** The content of the entry's kind, encoded as in Entry. The engine MUST store and return it unchanged. */
  readonly body: string;
  /** The epoch that the sender joined. If the conversation was removed since, the message MUST NOT be stored. */
  readonly epoch?: string | undefined;
  /** Requests an hour of the sender's present plan; 0 is unmetered: such requests MUST NOT be counted. */
  readonly limit: number;
  /**
   * The sender is not known to be a member: where the conversation is open to anyone, the engine MUST make it a member together
   * with the stored message, unless the conversation has `members` members or the user belongs to `conversations` already.
   */
  readonly joins?: { readonly members: number; readonly conversations: number } | undefined;
  /** As in core/members/speech.ts. */
  readonly exempt?: boolean | undefined;
  /** A message under this name begins no conversation: where there is none, the post is `forbidden` (core/members/names.ts). */
  readonly mustExist?: boolean | undefined;
}

export type PostResult =
  | {
      readonly outcome: "stored" | "duplicate";
      readonly seq: number;
      readonly at: number;
      readonly quota: Quota | null;
    }
  | IdInUse
  | RateLimited
  | Rejected
  | Busy
  | Removed
  | SpeechRefusal
  | Unavailable;

/** The `id` is that of a change of a message (ports/conversation/changes.ts). Nothing was charged or stored. */
export interface IdInUse {
  readonly outcome: "id_in_use";
}

/** The conversation was removed after the sender joined it (MB6). Nothing was charged or stored. */
export interface Removed {
  readonly outcome: "removed";
}

/** Refused and not recorded; the next request is accepted in exactly `retryAfter` milliseconds. */
export interface RateLimited {
  readonly outcome: "rate_limited";
  readonly retryAfter: number;
  readonly quota: Quota;
}

/** It is unknown whether the request was carried out. Sending the same request again is safe. */
export interface Unavailable {
  readonly outcome: "unavailable";
  /** The operator's approval gave no answer, and the store was not asked. server/approval/ says so, and no engine. */
  readonly because?: "approval";
}

/** The operator's approval refused it (AP1). Nothing was charged or stored. server/approval/ answers so, and no engine. */
export interface Rejected {
  readonly outcome: "rejected";
  /** The operator's words. */
  readonly reason?: string;
}

/** Too many requests of this sender wait for approval in this conversation. Not from an engine either. */
export interface Busy {
  readonly outcome: "busy";
}

/** A message without its content. */
export type ConsiderRequest = Omit<PostRequest, "kind" | "body" | "joins">;

/** How `post` would answer now; `acceptable`: it would store the message. */
export type ConsiderResult = PostResult | { readonly outcome: "acceptable" };

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
      /** The reading user's own reactions to these messages; undefined where there are none. */
      readonly mine?: OwnReactions;
      readonly quota: Quota | null;
    }
  | RateLimited
  | Unavailable;

/** Called for each message stored after `subscribe` resolved, once, in the order of `seq`, without holes. */
export type EntryListener = (conversation: string, entry: Entry) => void;

/** Called with the newest `seq` of the conversation, after which the next announced message follows, and with the new epoch. */
export type EpochListener = (conversation: string, seq: number, epoch: string) => void;

export interface Subscription {
  /** The newest `seq` stored when the subscription began; 0 in a conversation without messages. */
  readonly seq: number;
  /**
   * As in core/conversation/epoch.ts. It changes when stored messages may be gone, and when the conversation is
   * removed.
   */
  readonly epoch: string;
  /** The newest change when the subscription began, as in `Head`. */
  readonly rev: number;
  /** Ends the subscription; the listener is not called again. */
  stop(): void;
}

/** The range of a conversation's messages. */
export interface Head {
  /** The newest `seq`; 0 in a conversation without messages. MUST NOT fall when messages are removed. */
  readonly seq: number;
  /** The oldest `seq` that is still kept; `seq` + 1 when there is none. MUST NOT fall either. */
  readonly first: number;
  /** As in `Subscription`. */
  readonly epoch: string;
  /** The newest change of a message (ports/conversation/changes.ts); 0 for none. MUST NOT fall within an epoch. */
  readonly rev: number;
}

/** The messages of all conversations, in order, stored and charged. */
export interface MessageLog {
  /**
   * Checks the id, charges the sender, numbers, stores and announces a message: all of it or none.
   *
   * `done` MUST be called exactly once, after the message is stored so that a crash of the process cannot lose it
   * (D2), and after it was announced. Results of one caller MUST come in the order of its calls. MUST NOT charge or
   * announce a duplicate (D3, Q2), nor charge or record what it refuses (Q2). Time is the store's (Q1). Where nothing was ever
   * changed, changes MUST cost nothing (CH5).
   *
   * `done` is a callback and not a promise, so that the results and announcements of one batch arrive in one turn of the
   * event loop, in the order of `seq`. Then all frames for a connection can be sent with one system call.
   */
  post(request: PostRequest, done: (result: PostResult) => void): void;

  /**
   * Decides as `post` does, and MUST NOT charge, store or announce anything; `stored` is no result of it. An id of a change or of an
   * open stream MAY be `acceptable`: `post` refuses it.
   */
  consider(request: ConsiderRequest, done: (result: ConsiderResult) => void): void;

  /** Charges the user one request and reads messages in the order of `seq`: both or neither. */
  history(request: HistoryRequest, done: (result: HistoryResult) => void): void;

  /** Starts to announce a conversation's messages. The first call MUST be for the message after the `seq` it resolves with. */
  subscribe(conversation: string, listener: EntryListener): Promise<Subscription>;

  /** The range of the conversation's messages. MUST NOT change when messages are only read. */
  head(conversation: string): Promise<Head>;

  /**
   * Returns the oldest `count` kept messages with `after` < seq ≤ `last`, in the order of `seq`, without a charge, for a
   * client that catches up. Returns fewer when their bodies would exceed MAX_HISTORY_BYTES, but at least one if any is kept,
   * and an empty list if none is. Undefined: the store cannot be read now.
   *
   * MUST NOT skip a message between two others, nor between `max(after + 1, first)` and the first one. MUST NOT delay posts,
   * also when many pages are requested at once: one page is read at a time, in the order of the requests, and posts that
   * arrived meanwhile are carried out before the next page.
   */
  page(
    conversation: string,
    after: number,
    last: number,
    count: number,
  ): Promise<readonly Entry[] | undefined>;

  /**
   * Calls `listener` for each conversation with a subscription that gets a new epoch: it was removed, or announced or acked
   * messages of it may be gone. Clients that have such messages MUST be notified (D5, MB6). A removal MUST be reported within
   * a second. Returns a function that stops it.
   */
  watchEpoch(listener: EpochListener): () => void;
}

export interface Charged {
  readonly outcome: "charged";
  readonly quota: Quota | null;
}

/** The quotas of users. MessageLog makes the charges for messages and reading. */
export interface Quotas {
  /**
   * Charges the user `count` requests at once, or none. `limit` as in PostRequest; where it is not 0, `count` MUST NOT be greater.
   */
  charge(user: string, limit: number, count: number): Promise<Charged | RateLimited | Unavailable>;

  /** Returns the user's present quota, without a charge. */
  quota(user: string, limit: number): Promise<Quota | null>;
}
