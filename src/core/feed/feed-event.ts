import type { FeedEventType } from "../../protocol/feed/event-types.ts";

/**
 * What the feed keeps of an event: where to look. It holds no text, data or title: these are put in when the event is sent, as they
 * are then (EV1), so that nothing has to be erased here.
 */
export interface FeedEvent {
  /** Unique for ever, and the same at each reading: the `webhook-id`. At most 64 characters of `A-Za-z0-9._-`. */
  readonly id: string;
  readonly type: FeedEventType;
  /** When it happened, in milliseconds since 1970, by the store's clock. */
  readonly at: number;
  /** Missing where the event is about a user only. */
  readonly conversation?: string;
  /** The epoch of the conversation then, where the engine keeps it. What is gone is found by `seq`, which is never used twice. */
  readonly epoch?: string;
  /**
   * The user that did it, or whom it is about; missing where an API key did it, which then is `by` in `details`. Of `message.created` it
   * may be missing: the message has its sender.
   */
  readonly user?: string;
  /** The message, where it is about one. */
  readonly seq?: number;
  /** The change of the message, where it is about one. */
  readonly rev?: number;
  readonly details?: FeedEventDetails;
}

/** The rest of an event, as the frame of the same thing names it: names, times and states, no content. */
export interface FeedEventDetails {
  readonly by?: string;
  readonly role?: string;
  /** Milliseconds since 1970. */
  readonly until?: number;
  /** Whether a reaction was added or taken back. Which one is text of a user, and would outlive the erasure of its message here (CH3). */
  readonly on?: boolean;
  /** The name of a stream, its request's `id`, and how it ended. */
  readonly stream?: string;
  readonly id?: string;
  readonly state?: string;
  readonly reply_to?: number;
  /** The plan's requests an hour, of `quota.exhausted`. */
  readonly limit?: number;
}

/** An event that is to be written: the store adds `id`, and `at` where it is missing. */
export type NewFeedEvent = Omit<FeedEvent, "id" | "at"> & { readonly at?: number };
