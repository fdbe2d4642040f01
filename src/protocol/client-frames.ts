// The frames that a client sends. server-frames.ts has those that the server sends.
import { z } from "zod";
import { EditRequest, EraseRequest, ReactRequest } from "./frames/change-frames.ts";
import { Data, Epoch, OptionalConversation } from "./frames/common-fields.ts";
import { InboxRequest } from "./frames/inbox-frames.ts";
import {
  ReplyTo,
  StreamAppendRequest,
  StreamCancelRequest,
  StreamEndRequest,
  StreamStartRequest,
} from "./frames/stream-frames.ts";
import { Identifier, MessageId } from "./identifiers.ts";
import {
  DEFAULT_HISTORY_LIMIT,
  MAX_HISTORY_LIMIT,
  MAX_LAST,
  MAX_NAMED_CONVERSATIONS,
  MAX_TOKEN_BYTES,
} from "./limits.ts";

const Sequence = z.int("must be a whole number").min(0, "must be 0 or more");

/** One conversation that an `open` frame names, with the client's position in it. */
const Opening = z.object(
  {
    conversation: Identifier,
    after: Sequence.optional(),
    epoch: Epoch.optional(),
    rev: Sequence.optional(),
    oldest: Sequence.optional(),
    last: z
      .int("must be a whole number")
      .min(0, "must be 0 or more")
      .max(MAX_LAST, `must be ${MAX_LAST} or less`)
      .optional(),
  },
  "must be an object with a `conversation`",
);

/**
 * Sent on the socket of a user to open conversations: to receive what happens in them. The server replies for each with
 * `opened`, or with `error` and its `conversation`.
 */
export const OpenRequest = z.object({
  type: z.literal("open"),
  conversations: z
    .array(Opening, "must be a list")
    .min(1, "must name a conversation")
    .max(MAX_NAMED_CONVERSATIONS, `must name at most ${MAX_NAMED_CONVERSATIONS} conversations`),
  id: MessageId.optional(),
});

/** Sent on the socket of a user to close conversations. The server replies for each with `closed`. */
export const CloseRequest = z.object({
  type: z.literal("close"),
  conversations: z
    .array(Identifier, "must be a list")
    .min(1, "must name a conversation")
    .max(MAX_NAMED_CONVERSATIONS, `must name at most ${MAX_NAMED_CONVERSATIONS} conversations`),
});

/**
 * Sent to post a message: `text`, `data` or both. The server replies with `ack` when it is stored, or with `error`. A retry
 * repeats the same `id`.
 */
export const MessageRequest = z
  .object({
    type: z.literal("message"),
    conversation: OptionalConversation,
    text: z.string("must be a string").default(""),
    id: MessageId.optional(),
    data: Data.optional(),
    reply_to: ReplyTo.optional(),
    epoch: Epoch.optional(),
  })
  .refine((frame) => frame.text !== "" || frame.data !== undefined, {
    path: ["text"],
    message: "must not be empty in a message without `data`",
  });

/** Sent to read earlier messages: up to `limit` before, after or around a `seq`. The server replies with `history`. */
export const HistoryRequest = z
  .object({
    type: z.literal("history"),
    conversation: OptionalConversation,
    before: Sequence.optional(),
    after: Sequence.optional(),
    around: Sequence.optional(),
    epoch: Epoch.optional(),
    limit: z
      .int("must be a whole number")
      .min(1, "must be 1 or more")
      .max(MAX_HISTORY_LIMIT, `must be ${MAX_HISTORY_LIMIT} or less`)
      .default(DEFAULT_HISTORY_LIMIT),
    id: MessageId.optional(),
  })
  .refine((frame) => frame.before === undefined || frame.after === undefined, {
    path: ["before"],
    message: "cannot be combined with `after`",
  })
  .refine(
    ({ around, before, after }) => around === undefined || (before === undefined && after === undefined),
    { path: ["around"], message: "cannot be combined with `before` or `after`" },
  );

/** Sent when the user starts (`active: true`) or stops typing. There is no reply. */
export const TypingRequest = z.object({
  type: z.literal("typing"),
  conversation: OptionalConversation,
  active: z.boolean("must be true or false"),
});

/** Sent when the user has seen everything up to `seq`. There is no reply. */
export const ReadRequest = z.object({
  type: z.literal("read"),
  conversation: OptionalConversation,
  seq: Sequence,
  epoch: Epoch.optional(),
});

/** Sent to show that the user is still there. There is no reply; cancels an inactivity warning. */
export const ActivityRequest = z.object({ type: z.literal("activity") });

/** Sent as the first frame of a socket opened without a credential, or to renew a token in place. */
export const TokenRequest = z.object({
  type: z.literal("token"),
  token: z.string("must be a string").min(1, "must not be empty").max(MAX_TOKEN_BYTES, "is too long"),
});

/** Sent to measure the connection. The server replies with `pong` and the same `id`; it is not activity. */
export const PingRequest = z.object({ type: z.literal("ping"), id: MessageId.optional() });

/** Every frame a client may send, by its `type`. */
export const CLIENT_FRAMES = {
  open: OpenRequest,
  close: CloseRequest,
  inbox: InboxRequest,
  message: MessageRequest,
  history: HistoryRequest,
  edit: EditRequest,
  erase: EraseRequest,
  react: ReactRequest,
  typing: TypingRequest,
  read: ReadRequest,
  activity: ActivityRequest,
  token: TokenRequest,
  ping: PingRequest,
  stream_start: StreamStartRequest,
  stream_append: StreamAppendRequest,
  stream_end: StreamEndRequest,
  stream_cancel: StreamCancelRequest,
} as const;

export type ClientFrameType = keyof typeof CLIENT_FRAMES;
export type ClientFrameOf<T extends ClientFrameType> = z.output<(typeof CLIENT_FRAMES)[T]> & Encoded<T>;
export type ClientFrame = { [T in ClientFrameType]: ClientFrameOf<T> }[ClientFrameType];

/** What a frame as it was read has beside its fields. */
type Encoded<T extends ClientFrameType> = T extends "message"
  ? {
      /** The text as a JSON member, `"text":"…"`, if the frame has no other content (plain-message.ts). It is not on the wire. */
      readonly encodedText?: string | undefined;
    }
  : unknown;

/** One conversation of an `open` frame. */
export type Opening = ClientFrameOf<"open">["conversations"][number];
