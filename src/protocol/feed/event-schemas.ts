// The schemas of the events of the feed, as `GET /events` and webhooks have them (docs/protocol/EVENTS.md).
import { z } from "zod";
import { STREAM_STATES } from "../frames/stream-frames.ts";
import { Identifier, MessageId } from "../identifiers.ts";
import { Message } from "../server-frames.ts";
import { EVENTS_LOST, type FeedEventType } from "./event-types.ts";

/** What all events have. `at` is when it happened. */
const COMMON = {
  id: z.string(),
  at: z.int(),
  /** Missing where the event is about a user only. */
  conversation: Identifier.optional(),
  /** Who did it, or whom it is about; missing where an API key did it. */
  user: Identifier.optional(),
};

/** The message as it is when the event is sent. `gone` says why it has no content. */
const EventMessage = z.union([
  Message.extend({ gone: z.literal("erased").optional() }),
  z.object({ seq: z.int(), gone: z.literal("retention") }),
]);

const Stream = z.object({ stream: z.string(), id: MessageId, reply_to: z.int().optional() });

const MemberOfEvent = z.object({
  user: Identifier,
  role: z.enum(["owner", "moderator", "member"]).optional(),
  until: z.int().optional(),
  by: z.string().optional(),
});

/** The facts of a conversation when the event is sent. */
const FactsOfEvent = z.object({
  access: z.enum(["anyone", "members"]),
  title: z.string().optional(),
  data: z.record(z.string(), z.json()).optional(),
  /** The two users of a direct conversation. */
  direct: z.array(Identifier).optional(),
  by: z.string().optional(),
});

/** There is no such conversation any more. */
const FactsGone = z.object({ gone: z.literal("retention"), by: z.string().optional() });

const CurrentFacts = z.union([FactsOfEvent, FactsGone]);

function event<Type extends string, Fields extends z.ZodRawShape>(type: Type, fields: Fields) {
  return z.object({ type: z.literal(type), ...COMMON, ...fields });
}

/** Each event by its type. */
export const FEED_EVENTS = {
  "message.created": event("message.created", { message: EventMessage }),
  "message.edited": event("message.edited", { message: EventMessage }),
  "message.erased": event("message.erased", { message: EventMessage }),
  "message.reacted": event("message.reacted", {
    message: EventMessage,
    reaction: z.object({ on: z.boolean() }),
  }),
  "message.unread": event("message.unread", { message: EventMessage }),
  "stream.started": event("stream.started", { stream: Stream }),
  "stream.ended": event("stream.ended", {
    stream: Stream.extend({ state: z.enum(STREAM_STATES).optional() }),
    message: EventMessage.optional(),
  }),
  "presence.joined": event("presence.joined", { presence: z.object({ state: z.literal("joined") }) }),
  "presence.left": event("presence.left", { presence: z.object({ state: z.literal("left") }) }),
  "read.marked": event("read.marked", { read: z.object({ seq: z.int() }) }),
  "member.added": event("member.added", { member: MemberOfEvent }),
  "member.removed": event("member.removed", { member: MemberOfEvent }),
  "member.role": event("member.role", { member: MemberOfEvent }),
  "member.muted": event("member.muted", { member: MemberOfEvent }),
  "member.unmuted": event("member.unmuted", { member: MemberOfEvent }),
  "member.banned": event("member.banned", { member: MemberOfEvent }),
  "member.unbanned": event("member.unbanned", { member: MemberOfEvent }),
  "conversation.created": event("conversation.created", { facts: CurrentFacts }),
  "conversation.changed": event("conversation.changed", { facts: CurrentFacts }),
  "conversation.removed": event("conversation.removed", { facts: FactsGone }),
  "quota.exhausted": event("quota.exhausted", { quota: z.object({ limit: z.int() }) }),
  "user.erased": event("user.erased", {}),
  /** What a reader gets that was away for longer than events are kept: what happened between these times is missing. */
  [EVENTS_LOST]: event(EVENTS_LOST, { events: z.object({ since: z.int(), until: z.int() }) }),
} as const satisfies Readonly<Record<FeedEventType | typeof EVENTS_LOST, z.ZodType>>;

type EventSchema = (typeof FEED_EVENTS)[keyof typeof FEED_EVENTS];

/** An event of any type. */
export const FeedEvent = z.discriminatedUnion(
  "type",
  Object.values(FEED_EVENTS) as [EventSchema, ...EventSchema[]],
);
