// The events of the feed (docs/protocol/EVENTS.md): what a back end reads at `GET /events` and gets by webhook.

/** The types of events that a message, a conversation or a user makes. The order is that of the documents. */
export const FEED_EVENT_TYPES = [
  "message.created",
  "message.edited",
  "message.erased",
  "message.reacted",
  "message.unread",
  "stream.started",
  "stream.ended",
  "presence.joined",
  "presence.left",
  "read.marked",
  "member.added",
  "member.removed",
  "member.role",
  "member.muted",
  "member.unmuted",
  "member.banned",
  "member.unbanned",
  "conversation.created",
  "conversation.changed",
  "conversation.removed",
  "quota.exhausted",
  "user.erased",
] as const;

/** The type of an event that the store keeps. */
export type FeedEventType = (typeof FEED_EVENT_TYPES)[number];

/** What a reader gets that was away for longer than events are kept (EV4). It is made when it is sent, and never filtered out. */
export const EVENTS_LOST = "events.lost";

/** Types that are written only while they count as read (EV5): there are many of them, and few applications need them. */
export const OPTIONAL_EVENT_TYPES: ReadonlySet<FeedEventType> = new Set<FeedEventType>([
  "message.unread",
  "presence.joined",
  "presence.left",
  "read.marked",
]);

const KNOWN: ReadonlySet<string> = new Set(FEED_EVENT_TYPES);

export function isFeedEventType(text: string): text is FeedEventType {
  return KNOWN.has(text);
}
