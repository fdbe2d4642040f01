import type { FeedEventType } from "../../protocol/feed/event-types.ts";
import { allowsConversation } from "../access/grants.ts";
import type { FeedEvent } from "./feed-event.ts";

/** Which events a reader gets. A field that is missing lets everything through. */
export interface FeedFilter {
  readonly types?: ReadonlySet<FeedEventType>;
  /** Names, or beginnings with a `*`, that the reader asked for; an event without a conversation passes only without them. */
  readonly conversations?: readonly string[];
  /** The same, of what the reader's key allows: both lists must let an event through. */
  readonly granted?: readonly string[];
}

/** Returns whether a reader with this filter gets an event. */
export function acceptsEvent(
  { types, conversations, granted }: FeedFilter,
  { type, conversation }: Pick<FeedEvent, "type" | "conversation">,
): boolean {
  if (types?.has(type) === false) return false;
  return allows(conversations, conversation) && allows(granted, conversation);
}

function allows(patterns: readonly string[] | undefined, conversation: string | undefined): boolean {
  if (patterns === undefined) return true;
  return conversation !== undefined && allowsConversation(patterns, conversation);
}
