// What a feed (ordered-feed.ts) reads and calls, and the replies that it sends.
import type { Entry } from "../../../core/conversation/entry.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { StoredChange } from "../../../core/ports/conversation/changes.ts";
import type { Head } from "../../../core/ports/message-log.ts";
import type { Fold } from "../changes/change-queue.ts";
import type { KnownHead } from "./batch.ts";

/** The newest `seq` and the epoch of a conversation, and the time of its newest message. */
export interface FeedHead extends Head {
  readonly at: number;
  /** The time of the newest change. */
  readonly revAt: number;
}

/** What a feed knows of its conversation. */
export type KnownOfFeed = Pick<KnownHead, "seq" | "at" | "epoch" | "rev">;

/** What a feed shows of itself. */
export interface FeedView {
  readonly conversation: string;
  readonly epoch: string;
  /** The newest `seq` that was delivered. */
  readonly lastDelivered: number;
  readonly isOpen: boolean;
  readonly known: KnownOfFeed;
}

/** The reads of a feed. All resolve with undefined if the store cannot be read now, and MUST NOT reject. */
export interface FeedStore {
  /** Reads the head of the conversation. If the store lacks the `known` message, the conversation begins a new epoch. */
  head(conversation: string, known: KnownOfFeed): Promise<FeedHead | undefined>;
  /** Reads some of the oldest entries with first ≤ seq ≤ last. */
  read(conversation: string, first: number, last: number): Promise<readonly Entry[] | undefined>;
  /** Reads some of the messages that were changed after the change `after`, those that changed first. */
  changes(conversation: string, after: number): Promise<Fold | undefined>;
  /** Called with the changes of the conversation, in their order and in one order with the messages. */
  onChange(feed: FeedView, change: StoredChange | Fold): void;
  /** Called when the last subscription of the feed has ended. */
  onEnded(feed: FeedView): void;
  /**
   * Called when the conversation has another epoch: delivered messages may be gone, or it was removed. The next message follows
   * `feed.lastDelivered`.
   */
  onEpochChanged(feed: FeedView): void;
  readonly emit: Emit;
}

/** A reply to a request of this node. It is sent after the message that it belongs to, and after those before it. */
export interface PendingReply {
  /** The `seq` of the message that it belongs to; 0 for none. */
  readonly seq: number;
  /** The entry, if this request has stored it. */
  readonly entry: Entry | undefined;
  /** The newest change of the conversation when the request was carried out; 0 for none. */
  readonly rev: number;
  /** The change, if this request has stored it. It belongs to `seq`, the newest message then, and to `rev`. */
  readonly change: StoredChange | undefined;
  /** Sends it. `isDelivered` is false if the message cannot be delivered, and the sender may try again. */
  send(isDelivered: boolean): void;
}

/** A call that waits until a message and a change are delivered. */
export interface Waiting {
  readonly seq: number;
  readonly rev: number;
  readonly resolve: (isDelivered: boolean) => void;
}
