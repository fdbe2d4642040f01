// The frames that the server sends. client-frames.ts has those that a client sends.
// Durations are in seconds (decimals allowed); `at` and `since` are milliseconds since 1970.
import { z } from "zod";
import { ERRORS, type ErrorCode } from "./errors.ts";
import { CHANGED_FIELDS, ChangeFrame } from "./frames/change-frames.ts";
import { OptionalConversation } from "./frames/common-fields.ts";
import { InboxFrame, InboxItemFrame } from "./frames/inbox-frames.ts";
import {
  StreamAppendFrame,
  StreamCancelFrame,
  StreamEnding,
  StreamFrame,
  StreamStartedFrame,
  StreamStoredFrame,
} from "./frames/stream-frames.ts";
import { Identifier, MessageId, SenderName } from "./identifiers.ts";

/** A user's quota. `reset` is the time until the whole `limit` is available again if the user sends nothing more. */
export const Quota = z.object({ limit: z.int(), remaining: z.int(), reset: z.number() });

/** One user in a conversation, however many connections it has there; `read` is how far the user has read, once said. */
export const PresentUser = z.object({ user: Identifier, since: z.int(), read: z.int().optional() });

/** The messages from one `seq` to another, both included. */
export const Range = z.object({ first: z.int(), last: z.int() });

/** What the server accepts from the user. */
export const Limits = z.object({
  /** Conversations that may be open on the socket of a user at a time. */
  conversations: z.int(),
  /** Connections that the plan allows at a time; 0 for no limit. */
  connections: z.int(),
  /** Bytes of one frame from the client. */
  frame_bytes: z.int(),
  /** Bytes of one stream, as JSON. */
  stream_bytes: z.int(),
  /** Streams that the user may have open at a time. */
  streams: z.int(),
  /** For how many seconds users may edit and erase their own messages; 0 without an end. */
  edit_seconds: z.number(),
});

const Access = z.enum(["anyone", "members"]);
const Role = z.enum(["owner", "moderator", "member"]);
const FactsData = z.record(z.string(), z.unknown());

/** What a client learns about a conversation that was opened for it: in `welcome` on a socket of one conversation, in `opened` on the socket of a user. */
const OPENED_FIELDS = {
  conversation: Identifier,
  seq: z.int(),
  /** The newest change of a message; 0 for none. */
  rev: z.int(),
  epoch: z.string(),
  resumed: z.boolean(),
  /** More messages were changed than are sent: the client must read again what it has. */
  reread: z.literal(true).optional(),
  access: Access.optional(),
  /** The role of the user; missing where it is no member. */
  role: Role.optional(),
  title: z.string().optional(),
  data: FactsData.optional(),
  /** The other user of a direct conversation. */
  direct: Identifier.optional(),
  /** The user may not write; `until` is when that ends. */
  muted: z.object({ until: z.int().optional(), by: z.string() }).optional(),
  lost: Range.optional(),
  skipped: Range.optional(),
  present: z.array(PresentUser),
  present_count: z.int(),
} as const;

/** The first frame of an admitted connection. The client may send from now on. */
export const WelcomeFrame = z.object({
  type: z.literal("welcome"),
  connection: z.string(),
  user: Identifier,
  plan: z.string(),
  quota: Quota.nullable(),
  inactivity: z.object({ timeout: z.number(), warning: z.number() }),
  server: z.object({ name: z.string(), protocol: z.int() }),
  limits: Limits,
  /** When it was sent, in milliseconds since 1970. */
  at: z.int(),
  // On a socket of one conversation.
  ...z.object(OPENED_FIELDS).partial().shape,
});

/** Sent on the socket of a user when a conversation is open, in reply to `open`: what happens in it follows. */
export const OpenedFrame = z.object({
  type: z.literal("opened"),
  ...OPENED_FIELDS,
  access: Access,
  read: z.int(),
  id: MessageId.optional(),
});

/** Sent on the socket of a user when a conversation is closed, in reply to `close`, or with a `code` by the server. */
export const ClosedFrame = z.object({
  type: z.literal("closed"),
  conversation: Identifier,
  code: z.enum(["forbidden", "banned", "removed", "behind", "new_epoch"]).optional(),
  message: z.string().optional(),
  /** When a ban ends, in milliseconds since 1970. */
  until: z.int().optional(),
  retry_after: z.number().optional(),
});

/** A message as every user sees it. */
export const Message = z.object({
  seq: z.int(),
  id: MessageId,
  from: SenderName,
  text: z.string(),
  data: z.record(z.string(), z.json()).optional(),
  /** The `seq` of the message that this one answers. */
  reply_to: z.int().optional(),
  /**
   * The message has no content any more: `by` whom and when that was asked for. `person`: its sender was erased, so `from` and `id`
   * are not those under which it was sent.
   */
  erased: z
    .object({
      by: z.string(),
      at: z.int(),
      reason: z.string().optional(),
      person: z.literal(true).optional(),
    })
    .optional(),
  /** Of a message that was written as a stream: its handle, and how it ended. */
  stream: StreamEnding.optional(),
  ...CHANGED_FIELDS,
  at: z.int(),
});

/** Sent to every member of the conversation, the sender included, in the order of `seq`. */
export const MessageFrame = Message.extend({
  type: z.literal("message"),
  conversation: OptionalConversation,
  /** The user's own reactions, of a message that was missed. */
  mine: z.array(z.string()).optional(),
});

/** Sent when a message or a change of one is stored. `duplicate` is there, and true, when that had been so before. */
export const AckFrame = z.object({
  type: z.literal("ack"),
  conversation: OptionalConversation,
  /** Missing of a change that had none. */
  id: MessageId.optional(),
  seq: z.int(),
  at: z.int(),
  /** Of a change: its number. */
  rev: z.int().optional(),
  duplicate: z.literal(true).optional(),
  quota: Quota.nullable(),
});

/**
 * The reply to a `history` request, in the order of `seq`. `more`: the same direction holds further messages. Without `quota`
 * it is the reply to `last` in the address, right after `welcome`.
 */
export const HistoryFrame = z.object({
  type: z.literal("history"),
  conversation: OptionalConversation,
  messages: z.array(Message),
  more: z.boolean(),
  /** The user's own reactions, by the `seq` of the message. */
  mine: z.record(z.string(), z.array(z.string())).optional(),
  id: MessageId.optional(),
  quota: Quota.nullable().optional(),
});

/** Sent when a user's first connection joins the conversation and when its last one has left. */
export const PresenceFrame = z.object({
  type: z.literal("presence"),
  conversation: OptionalConversation,
  user: Identifier,
  state: z.enum(["joined", "left"]),
  at: z.int(),
});

/**
 * Sent instead of `presence` in a large conversation: the number of present users. With `present`, which holds all of
 * them, the conversation is no longer large.
 */
export const PresenceCountFrame = z.object({
  type: z.literal("presence_count"),
  conversation: OptionalConversation,
  count: z.int(),
  present: z.array(PresentUser).optional(),
});

/** Sent when another user starts or stops typing. */
export const TypingFrame = z.object({
  type: z.literal("typing"),
  conversation: OptionalConversation,
  user: Identifier,
  active: z.boolean(),
});

/** Sent when another user has read up to `seq`, or this user on another connection. */
export const ReadFrame = z.object({
  type: z.literal("read"),
  conversation: OptionalConversation,
  user: Identifier,
  seq: z.int(),
});

/** Sent when the role of a user has changed, or it was muted or banned, or that has ended by a request. */
export const MemberFrame = z.object({
  type: z.literal("member"),
  conversation: OptionalConversation,
  user: Identifier,
  change: z.enum(["added", "removed", "role", "muted", "unmuted", "banned", "unbanned"]),
  role: Role.optional(),
  until: z.int().optional(),
  by: z.string().optional(),
  at: z.int(),
});

/** Sent when the facts of a conversation have changed; a field that is missing was dropped. */
export const ConversationFrame = z.object({
  type: z.literal("conversation"),
  conversation: OptionalConversation,
  access: Access,
  title: z.string().optional(),
  data: FactsData.optional(),
  by: z.string().optional(),
  at: z.int(),
});

/** Sent before something happens that the client can still prevent within `seconds`. */
export const WarningFrame = z.object({
  type: z.literal("warning"),
  code: z.enum(["inactivity", "token_expiring", "quota_low", "flooding"]),
  message: z.string(),
  seconds: z.number().optional(),
});

/** The name of an error. */
export const ErrorCodeName = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]);

/** Sent when a frame was refused. The socket stays open unless a `closing` frame follows. */
export const ErrorFrame = z.object({
  type: z.literal("error"),
  code: ErrorCodeName,
  message: z.string(),
  conversation: OptionalConversation,
  /** The stream that the error is about. */
  stream: z.string().optional(),
  id: MessageId.optional(),
  retry_after: z.number().optional(),
  /** The newest append that the server has, after a gap. */
  n: z.int().optional(),
  /** The message that an ended stream became. */
  seq: z.int().optional(),
  /** The newest edit of the message, after an `if_rev` that names another one. */
  rev: z.int().optional(),
  /** The epoch of the conversation, where the request names another one. */
  epoch: z.string().optional(),
  /** When a mute or ban ends. */
  until: z.int().optional(),
  /** Why the operator's approval refused it. */
  reason: z.string().optional(),
  quota: Quota.optional(),
});

/** The reply to `ping`. */
export const PongFrame = z.object({ type: z.literal("pong"), id: MessageId.optional() });

/** The reply to a `token` frame on a connection that is authenticated already. */
export const TokenAcceptedFrame = z.object({ type: z.literal("token_accepted"), expires_in: z.number() });

/** Sent when the store is unavailable: messages are refused with `unavailable` until `recovered`. */
export const DegradedFrame = z.object({ type: z.literal("degraded"), reason: z.string() });

/** Sent when the store is back. */
export const RecoveredFrame = z.object({ type: z.literal("recovered"), reason: z.string() });

/** Sent just before each close by the server; `retry_after` is the time until the client may reconnect, in seconds. */
export const ClosingFrame = z.object({
  type: z.literal("closing"),
  code: z.int(),
  reason: z.string(),
  reconnect: z.boolean(),
  retry_after: z.number().optional(),
});

/** Every frame the server may send, by its `type`. */
export const SERVER_FRAMES = {
  welcome: WelcomeFrame,
  opened: OpenedFrame,
  closed: ClosedFrame,
  inbox: InboxFrame,
  inbox_item: InboxItemFrame,
  message: MessageFrame,
  ack: AckFrame,
  history: HistoryFrame,
  change: ChangeFrame,
  stream_started: StreamStartedFrame,
  stream_stored: StreamStoredFrame,
  stream_cancel: StreamCancelFrame,
  stream: StreamFrame,
  stream_append: StreamAppendFrame,
  presence: PresenceFrame,
  presence_count: PresenceCountFrame,
  typing: TypingFrame,
  read: ReadFrame,
  member: MemberFrame,
  conversation: ConversationFrame,
  warning: WarningFrame,
  error: ErrorFrame,
  pong: PongFrame,
  token_accepted: TokenAcceptedFrame,
  degraded: DegradedFrame,
  recovered: RecoveredFrame,
  closing: ClosingFrame,
} as const;

export type Range = z.output<typeof Range>;
export type Quota = z.output<typeof Quota>;
export type PresentUser = z.output<typeof PresentUser>;
export type Message = z.output<typeof Message>;
export type ServerFrameType = keyof typeof SERVER_FRAMES;
export type ServerFrame = { [T in ServerFrameType]: ServerFrameOf<T> }[ServerFrameType];
/** A frame by its `type`. `welcome` is that of a socket of one conversation; `UserWelcome` is the other one. */
export type ServerFrameOf<T extends ServerFrameType> = T extends "welcome"
  ? ConversationWelcome
  : z.output<(typeof SERVER_FRAMES)[T]>;

type AnyWelcome = z.output<typeof WelcomeFrame>;
/** What a client learns about a conversation that was opened for it. */
export type OpenedFields = Omit<z.output<typeof OpenedFrame>, "type" | "id">;
/** The first frame on a socket of one conversation. */
export type ConversationWelcome = AnyWelcome & Omit<OpenedFields, "read" | "access">;
/** The first frame on the socket of a user. */
export type UserWelcome = Omit<AnyWelcome, keyof OpenedFields>;
export type WarningCode = ServerFrameOf<"warning">["code"];
