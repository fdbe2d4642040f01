// The port for the feed: what happened in all conversations, for a back end. `test/contracts/feed/contract.ts` is the contract.
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import type { FeedEvent, NewFeedEvent } from "../../feed/feed-event.ts";
import type { FeedFilter } from "../../feed/filter.ts";

/** A place in the feed, which the engine encodes: at most MAX_POSITION_LENGTH characters of `A-Za-z0-9._-`, opaque to all others. */
export type FeedPosition = string;

/** The position before the oldest event that is kept. Every engine takes it. */
export const OLDEST_POSITION: FeedPosition = "0";

/** The longest position of any engine, in characters. */
export const MAX_POSITION_LENGTH = 1_500;

/** How many stored events one call reads at most, also where the filter lets few of them through. */
export const MAX_EVENTS_READ = 2_000;

export interface FeedPage {
  /** Those that the filter lets through: those of one conversation in their order. */
  readonly events: readonly FeedEvent[];
  /** The place after the last event that was read, also where the filter left it out. */
  readonly position: FeedPosition;
  /** There are later events already. */
  readonly more: boolean;
  /**
   * Events between these times, in milliseconds since 1970, are not kept any more, or the store lost them, and the reader had not
   * read them (EV4). Events that a new epoch may have lost count, too.
   */
  readonly lost?: { readonly since: number; readonly until: number };
}

/** The events of all conversations. */
export interface Feed {
  /**
   * Reads the events after a position, at most `limit` of them, without a charge. Every event that was stored before the call MUST
   * be found, in the order in which the conversation's subscribers saw what it is about. An event is written in the transaction
   * (on Redis: in the script) of what it is about: neither is there without the other, also after a `kill -9`.
   *
   * MUST NOT delay posts: reads few rows at a time. Returns undefined for a text that is not a position of this engine.
   */
  read(after: FeedPosition, filter: FeedFilter, limit: number): Promise<FeedPage | undefined>;

  /** Returns the position after the newest event. */
  newest(): Promise<FeedPosition>;

  /**
   * Calls `listener` when there may be events that were not there before, on every node, within a second. MUST cost nothing while
   * there is no listener. Returns a function that stops it.
   */
  watch(listener: () => void): () => void;

  /**
   * Writes events that belong to no other write of the store (`quota.exhausted`, `message.unread`; on the embedded store presence,
   * too). Those of OPTIONAL_EVENT_TYPES are left out while they do not count as read.
   */
  append(events: readonly NewFeedEvent[]): Promise<void>;

  /**
   * Types of OPTIONAL_EVENT_TYPES count as read until this time (EV5), in milliseconds since 1970 by the store's clock, or until a
   * later time that was given before. On every node within a second, also after a restart.
   */
  want(types: readonly FeedEventType[], until: number): Promise<void>;

  /** Returns the position that a reader of the server itself has kept under this name; undefined where it kept none. */
  bookmark(name: string): Promise<FeedPosition | undefined>;

  /** Keeps a position under a name. */
  setBookmark(name: string, position: FeedPosition): Promise<void>;

  /** Returns the types of OPTIONAL_EVENT_TYPES that count as read now, as this node knows; cheap enough for each event. */
  wanted(): ReadonlySet<FeedEventType>;
}
