// The frames of the inbox: the list of a user's conversations, newest first (IN1–IN3). Only the socket of a user has them.
import { z } from "zod";
import { Identifier, MessageId, SenderName } from "../identifiers.ts";

/** Most items of one page, and how many a request gets that names no `limit`. */
export const MAX_INBOX_LIMIT = 200;
export const DEFAULT_INBOX_LIMIT = 50;

/** Most bytes of one `inbox` frame. */
export const MAX_INBOX_BYTES = 256 * 1024;

/** Most characters of a message's text that an item shows. */
export const MAX_PREVIEW_CHARACTERS = 140;

/** Most characters of a cursor or position. The longest name of a conversation fits. */
const MAX_PLACE_CHARACTERS = 256;

const Place = z
  .string("must be a string")
  .min(1, "must not be empty")
  .max(MAX_PLACE_CHARACTERS, "is too long");

/**
 * Sent to get a page of the inbox, and from then on each change of it as `inbox_item`. `cursor` is that of the page before;
 * `after` is the newest `position` that the client has, and asks for all that has changed since.
 */
export const InboxRequest = z
  .object({
    type: z.literal("inbox"),
    limit: z
      .int("must be a whole number")
      .min(1, "must be 1 or more")
      .max(MAX_INBOX_LIMIT, `must be ${MAX_INBOX_LIMIT} or less`)
      .default(DEFAULT_INBOX_LIMIT),
    cursor: Place.optional(),
    after: Place.optional(),
    id: MessageId.optional(),
  })
  .refine(({ cursor, after }) => cursor === undefined || after === undefined, {
    message: "must not be there together with `after`",
    path: ["cursor"],
  });

/** The newest message of a conversation, as an item shows it. */
export const InboxPreview = z.object({
  seq: z.int(),
  from: SenderName,
  text: z.string(),
  at: z.int(),
  erased: z.literal(true).optional(),
});

/** One conversation of the list, as it is now. `at`, by which the list is sorted, is that of the newest message, else of the joining. */
export const InboxItem = z.object({
  conversation: Identifier,
  title: z.string().optional(),
  data: z.record(z.string(), z.json()).optional(),
  direct: SenderName.optional(),
  access: z.enum(["anyone", "members"]),
  role: z.enum(["owner", "moderator", "member"]).optional(),
  at: z.int(),
  seq: z.int(),
  epoch: z.string(),
  last: InboxPreview.nullable(),
  read: z.int(),
  unread: z.int(),
  muted: z.object({ until: z.int().optional(), by: z.string() }).optional(),
});

/** A conversation that is no longer in the list. */
export const RemovedInboxItem = z.object({ conversation: Identifier, removed: z.literal(true) });

const Item = z.union([InboxItem, RemovedInboxItem]);

/** The numbers of the whole list, whatever part of it a frame has. */
const TOTALS = { position: z.string(), unread_total: z.int(), unread_conversations: z.int() };

/**
 * The reply to `inbox`. With `after`, all that has changed comes in as many frames as it takes, `more: true` on all but the
 * last. `reset`: the client drops the list that it has; this frame begins it again.
 */
export const InboxFrame = z.object({
  type: z.literal("inbox"),
  items: z.array(Item),
  more: z.boolean(),
  cursor: z.string().optional(),
  reset: z.literal(true).optional(),
  ...TOTALS,
  id: MessageId.optional(),
});

/** Sent when an item has changed, with its newest state. Changes in between may be left out (IN2). */
export const InboxItemFrame = z.object({ type: z.literal("inbox_item"), item: Item, ...TOTALS });

export type InboxItem = z.output<typeof InboxItem>;
export type RemovedInboxItem = z.output<typeof RemovedInboxItem>;
export type InboxPreview = z.output<typeof InboxPreview>;
export type InboxFrame = z.output<typeof InboxFrame>;
export type InboxItemFrame = z.output<typeof InboxItemFrame>;
