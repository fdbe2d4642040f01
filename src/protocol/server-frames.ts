// The frames that the server sends. client-frames.ts has those that a client sends.
// Durations are in seconds (decimals allowed); `at` and `since` are milliseconds since 1970.
import { z } from "zod";
import { ERRORS, type ErrorCode } from "./errors.ts";
import { Identifier, MessageId } from "./identifiers.ts";

/** A user's quota. `reset` is the time until the whole `limit` is available again if the user sends nothing more. */
export const Quota = z.object({ limit: z.int(), remaining: z.int(), reset: z.number() });

/** One user in a conversation, however many connections it has there; `read` is how far the user has read, once said. */
export const PresentUser = z.object({ user: Identifier, since: z.int(), read: z.int().optional() });

/** The messages from one `seq` to another, both included. */
export const Range = z.object({ first: z.int(), last: z.int() });

/** The first frame of an admitted connection. The client may send from now on. */
export const WelcomeFrame = z.object({
  type: z.literal("welcome"),
  connection: z.string(),
  conversation: Identifier,
  user: Identifier,
  plan: z.string(),
  seq: z.int(),
  epoch: z.string(),
  resumed: z.boolean(),
  lost: Range.optional(),
  skipped: Range.optional(),
  quota: Quota.nullable(),
  inactivity: z.object({ timeout: z.number(), warning: z.number() }),
  present: z.array(PresentUser),
  server: z.object({ name: z.string(), protocol: z.int() }),
});

/** A message as every user sees it. */
export const Message = z.object({
  seq: z.int(),
  id: MessageId,
  from: Identifier,
  text: z.string(),
  data: z.record(z.string(), z.json()).optional(),
  at: z.int(),
});

/** Sent to every member of the conversation, the sender included, in the order of `seq`. */
export const MessageFrame = Message.extend({ type: z.literal("message") });

/** Sent when a message is stored. `duplicate` is there, and true, when the same `id` had been stored before. */
export const AckFrame = z.object({
  type: z.literal("ack"),
  id: MessageId,
  seq: z.int(),
  at: z.int(),
  duplicate: z.literal(true).optional(),
  quota: Quota.nullable(),
});

/**
 * The reply to a `history` request, in the order of `seq`. `more`: the same direction holds further messages. Without `quota`
 * it is the reply to `last` in the address, right after `welcome`.
 */
export const HistoryFrame = z.object({
  type: z.literal("history"),
  messages: z.array(Message),
  more: z.boolean(),
  id: MessageId.optional(),
  quota: Quota.nullable().optional(),
});

/** Sent when a user's first connection joins the conversation and when its last one has left. */
export const PresenceFrame = z.object({
  type: z.literal("presence"),
  user: Identifier,
  state: z.enum(["joined", "left"]),
  at: z.int(),
});

/** Sent when another user starts or stops typing. */
export const TypingFrame = z.object({ type: z.literal("typing"), user: Identifier, active: z.boolean() });

/** Sent when another user has read up to `seq`. */
export const ReadFrame = z.object({ type: z.literal("read"), user: Identifier, seq: z.int() });

/** Sent before something happens that the client can still prevent within `seconds`. */
export const WarningFrame = z.object({
  type: z.literal("warning"),
  code: z.enum(["inactivity", "token_expiring", "quota_low", "flooding"]),
  message: z.string(),
  seconds: z.number().optional(),
});

/** Sent when a frame was refused. The socket stays open unless a `closing` frame follows. */
export const ErrorFrame = z.object({
  type: z.literal("error"),
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  id: MessageId.optional(),
  retry_after: z.number().optional(),
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
  message: MessageFrame,
  ack: AckFrame,
  history: HistoryFrame,
  presence: PresenceFrame,
  typing: TypingFrame,
  read: ReadFrame,
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
export type ServerFrame = { [T in ServerFrameType]: z.output<(typeof SERVER_FRAMES)[T]> }[ServerFrameType];
export type ServerFrameOf<T extends ServerFrameType> = z.output<(typeof SERVER_FRAMES)[T]>;
export type WarningCode = ServerFrameOf<"warning">["code"];
