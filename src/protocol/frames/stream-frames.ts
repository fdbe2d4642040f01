// The frames of streams (docs/protocol/STREAMS.md): messages that readers see while they are written.
import { z } from "zod";
import { Identifier, MessageId } from "../identifiers.ts";
import { MAX_APPEND_BYTES } from "../limits.ts";
import { utf8Length } from "../utf8.ts";
import { Data, Epoch, OptionalConversation } from "./common-fields.ts";

/** The `seq` of a message that another one answers. */
export const ReplyTo = z.int("must be a whole number").min(1, "must be 1 or more");

const STREAM_HANDLE = /^[A-Za-z0-9_-]{12}$/;

/** The handle of a stream: the server generates it, and it is unique in the conversation. */
export const StreamHandle = z
  .string("must be a string")
  .regex(STREAM_HANDLE, "must be the 12 characters of `stream_started`");

export function isStreamHandle(text: string): boolean {
  return STREAM_HANDLE.test(text);
}

const Count = z.int("must be a whole number").min(0, "must be 0 or more");

const AppendNumber = z.int("must be a whole number").min(1, "must be 1 or more");

/** How a stream ended: `done` and `failed` are the writer's words, the others the server's. */
export const STREAM_STATES = ["done", "failed", "cancelled", "interrupted", "rejected"] as const;

/** What an ended stream's message says of it. */
export const StreamEnding = z.object({ stream: z.string(), state: z.enum(STREAM_STATES) });

/**
 * Sent to begin a stream, or to take over one's own with the same `id`. The server replies with `stream_started`, with `ack`
 * and `duplicate` where the message is stored already, or with `error`.
 */
export const StreamStartRequest = z.object({
  type: z.literal("stream_start"),
  conversation: OptionalConversation,
  id: MessageId,
  data: Data.optional(),
  reply_to: ReplyTo.optional(),
  restart: z.boolean("must be true or false").optional(),
  epoch: Epoch.optional(),
});

/** Sent to append text to a stream. `n` is 1 for the first append, and grows by 1. The server replies now and then with `stream_stored`. */
export const StreamAppendRequest = z.object({
  type: z.literal("stream_append"),
  conversation: OptionalConversation,
  stream: StreamHandle,
  n: AppendNumber,
  text: z
    .string("must be a string")
    .refine((text) => utf8Length(text) <= MAX_APPEND_BYTES, `must have at most ${MAX_APPEND_BYTES} bytes`),
  data: Data.optional(),
});

/** Sent to end a stream. The server replies with `ack`, and sends the finished `message` to all. */
export const StreamEndRequest = z.object({
  type: z.literal("stream_end"),
  conversation: OptionalConversation,
  stream: StreamHandle,
  state: z.enum(["done", "failed"], "must be `done` or `failed`").optional(),
  data: Data.optional(),
});

/** Sent to ask the writer of a stream, or of all streams that answer a message, to stop. There is no reply but `error`. */
export const StreamCancelRequest = z
  .object({
    type: z.literal("stream_cancel"),
    conversation: OptionalConversation,
    stream: StreamHandle.optional(),
    reply_to: ReplyTo.optional(),
    discard: z.boolean("must be true or false").optional(),
    epoch: Epoch.optional(),
  })
  .refine((frame) => (frame.stream === undefined) !== (frame.reply_to === undefined), {
    path: ["stream"],
    message: "must be there, or `reply_to` in its place",
  });

/** The reply to `stream_start`: the writer sends the append after `n` next. */
export const StreamStartedFrame = z.object({
  type: z.literal("stream_started"),
  conversation: OptionalConversation,
  id: MessageId,
  stream: z.string(),
  n: Count,
  quota: z.object({ limit: z.int(), remaining: z.int(), reset: z.number() }).nullable(),
});

/** Sent to the writer a few times a second: all appends up to `n` survive `kill -9`. */
export const StreamStoredFrame = z.object({
  type: z.literal("stream_stored"),
  conversation: OptionalConversation,
  stream: z.string(),
  n: Count,
});

/** Sent to the writer: `by` asks it to stop. It has five seconds to end the stream. */
export const StreamCancelFrame = z.object({
  type: z.literal("stream_cancel"),
  conversation: OptionalConversation,
  stream: z.string(),
  by: z.string(),
});

/** Sent to readers: the text of a stream so far, which takes the place of what the reader has of it. */
export const StreamFrame = z.object({
  type: z.literal("stream"),
  conversation: OptionalConversation,
  stream: z.string(),
  id: MessageId,
  from: Identifier,
  n: Count,
  text: z.string(),
  data: z.record(z.string(), z.json()).optional(),
  reply_to: z.int().optional(),
  at: z.int(),
});

/** Sent to readers: text that follows the append `after`; with it they have all up to `n`. */
export const StreamAppendFrame = z.object({
  type: z.literal("stream_append"),
  conversation: OptionalConversation,
  stream: z.string(),
  after: Count,
  n: Count,
  text: z.string(),
  data: z.record(z.string(), z.json()).optional(),
});

export type StreamState = (typeof STREAM_STATES)[number];
export type StreamEnding = z.output<typeof StreamEnding>;
