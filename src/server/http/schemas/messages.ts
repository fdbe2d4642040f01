// The schemas of the verbs about messages, streams, read marks and events.
import { z } from "zod";
import { HistoryRequest, MessageRequest, ReadRequest } from "../../../protocol/client-frames.ts";
import { FeedEvent } from "../../../protocol/feed/event-schemas.ts";
import { EditBody, EraseQuery, ReactQuery } from "../../../protocol/frames/change-bodies.ts";
import { StreamStartBody, StreamWriteBody } from "../../../protocol/frames/stream-bodies.ts";
import { ReplyTo, StreamCancelRequest } from "../../../protocol/frames/stream-frames.ts";
import { Identifier, MessageId } from "../../../protocol/identifiers.ts";
import { ErrorCodeName, Message, Quota } from "../../../protocol/server-frames.ts";
import { MAX_EVENTS, MAX_WAIT_S } from "../../feed/query.ts";
import type { VerbSchemas } from "./verb-schemas.ts";

const { before, after, around, epoch, limit } = HistoryRequest.shape;
const { text, id, data, reply_to } = MessageRequest.shape;

/** Of a message: `text`, `data` or both. `from`: for API keys, the user who writes. */
const MessageBody = z.strictObject({ text, data, id, reply_to, epoch, from: Identifier.optional() });

/** A message that is stored. */
const PostedFields = {
  id: MessageId,
  seq: z.int(),
  at: z.int(),
  duplicate: z.literal(true).optional(),
  quota: Quota.nullable(),
};

export const Posted = z.object(PostedFields);

const PostedItem = z.object({ conversation: Identifier, ...PostedFields });

/** What an item was refused with: the fields of an `error` frame. */
const RefusedItem = z.object({
  conversation: Identifier.optional(),
  id: MessageId.optional(),
  code: ErrorCodeName,
  message: z.string(),
  retry_after: z.number().optional(),
  until: z.int().optional(),
  quota: Quota.optional(),
});

/** What a change was answered. One that changes nothing has `duplicate` and no `rev`. */
export const Changed = z.object({
  seq: z.int(),
  rev: z.int().optional(),
  at: z.int(),
  duplicate: z.literal(true).optional(),
  quota: Quota.nullable(),
});

const OwnMessage = Message.extend({
  /** The reactions of the user who asks. */
  mine: z.array(z.string()).optional(),
});

const History = z.object({
  messages: z.array(Message),
  more: z.boolean(),
  /** The reactions of the user who asks, by the `seq` of the message. */
  mine: z.record(z.string(), z.array(z.string())).optional(),
  quota: Quota.nullable(),
});

export const StreamStarted = z.object({ stream: z.string(), generation: z.int(), n: z.int() });
const StreamStoredBefore = z.object({ seq: z.int(), duplicate: z.literal(true) });
const StreamWritten = z.object({ n: z.int(), cancel: z.object({ by: z.string() }).optional() });
const StreamEnded = z.object({ seq: z.int(), at: z.int(), quota: Quota.nullable() });

const { discard } = StreamCancelRequest.shape;
const ReactionQuery = ReactQuery.omit({ reaction: true });

const EventsQuery = z.object({
  /** A position; without it: from now on. `0`: from the oldest event that is kept. */
  after: z.string().optional(),
  /** Seconds to wait for the first event. */
  wait: z.int().min(0).max(MAX_WAIT_S).optional(),
  limit: z.int().min(1).max(MAX_EVENTS).optional(),
  /** With commas between; `member.*` is all that begin with `member.`. */
  types: z.string().optional(),
  /** Names, or beginnings with a `*`. May be there several times. */
  conversation: z.array(z.string()).optional(),
});

/** By method and path. */
export const MESSAGE_VERBS = {
  "GET /events": {
    query: EventsQuery,
    answers: { 200: z.object({ events: z.array(FeedEvent), more: z.boolean(), position: z.string() }) },
  },
  "POST /messages": {
    body: z
      .array(MessageBody.extend({ conversation: Identifier }))
      .min(1)
      .max(100),
    answers: { 200: z.object({ results: z.array(z.union([PostedItem, RefusedItem])) }) },
  },
  "GET /conversations/:id/messages": {
    query: z.object({ before, after, around, limit, epoch }),
    answers: { 200: History },
  },
  "POST /conversations/:id/messages": { body: MessageBody, answers: { 200: Posted, 201: Posted } },
  "GET /conversations/:id/messages/:seq": { query: z.object({ epoch }), answers: { 200: OwnMessage } },
  "PATCH /conversations/:id/messages/:seq": { body: EditBody, answers: { 200: Changed } },
  "DELETE /conversations/:id/messages/:seq": { query: EraseQuery, answers: { 200: Changed } },
  "PUT /conversations/:id/messages/:seq/reactions/:reaction": {
    query: ReactionQuery,
    answers: { 200: Changed },
  },
  "DELETE /conversations/:id/messages/:seq/reactions/:reaction": {
    query: ReactionQuery,
    answers: { 200: Changed },
  },
  "POST /conversations/:id/streams": {
    body: StreamStartBody,
    answers: { 200: z.union([StreamStarted, StreamStoredBefore]), 201: StreamStarted },
  },
  "POST /conversations/:id/streams/:stream": {
    body: StreamWriteBody,
    answers: { 200: z.union([StreamEnded, StreamWritten]) },
  },
  "DELETE /conversations/:id/streams/:stream": {
    query: z.object({ discard, epoch }),
    answers: { 202: null },
  },
  "DELETE /conversations/:id/streams": {
    query: z.object({ reply_to: ReplyTo, discard, epoch }),
    answers: { 202: null },
  },
  "PUT /conversations/:id/read": {
    /** For API keys: the user. */
    query: z.object({ user: Identifier.optional() }),
    body: z.strictObject({ seq: ReadRequest.shape.seq, epoch }),
    answers: { 200: z.object({ read: z.int(), unread: z.int() }) },
  },
} as const satisfies Readonly<Record<string, VerbSchemas>>;
