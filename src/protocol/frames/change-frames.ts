// The frames of changes (docs/protocol/CHANGES.md): messages that are edited, erased or reacted to.
import { z } from "zod";
import { Identifier, MessageId } from "../identifiers.ts";
import { MAX_REACTION_BYTES } from "../limits.ts";
import { Epoch, isPlainObject, OptionalConversation } from "./common-fields.ts";
import { fitsReaction, isReactionText } from "./reaction.ts";
import { Reason } from "./texts.ts";

/** The `seq` of the message that is changed. */
const ChangedSeq = z.int("must be a whole number").min(1, "must be 1 or more");

/** As `Data`; `null` drops what the message has. */
const DroppableData = z
  .custom<Record<string, z.core.util.JSONType> | null>(
    (value) => value === null || isPlainObject(value),
    "must be a JSON object, or null",
  )
  .meta({ type: ["object", "null"] })
  .optional();

/** What users react with: an emoji, or a short word of the application. */
export const Reaction = z
  .string("must be a string")
  .refine(fitsReaction, `must have 1 to ${MAX_REACTION_BYTES} bytes`)
  .refine(
    isReactionText,
    "must have no blank, control character or `/`, and not be `.`, `..` or `__proto__`",
  );

/** Sent to change the `text` or `data` of one's own message; what is not named stays. The server replies with `ack`. */
export const EditRequest = z
  .object({
    type: z.literal("edit"),
    conversation: OptionalConversation,
    seq: ChangedSeq,
    text: z.string("must be a string").optional(),
    data: DroppableData,
    if_rev: z.int("must be a whole number").min(0, "must be 0 or more").optional(),
    epoch: Epoch.optional(),
    id: MessageId.optional(),
  })
  .refine((frame) => frame.text !== undefined || frame.data !== undefined, {
    path: ["text"],
    message: "must be there, or `data`",
  });

/** Sent to take the content out of one's own message, or as a moderator out of any. The server replies with `ack`. */
export const EraseRequest = z.object({
  type: z.literal("erase"),
  conversation: OptionalConversation,
  seq: ChangedSeq,
  reason: Reason.optional(),
  epoch: Epoch.optional(),
  id: MessageId.optional(),
});

/** Sent to add a reaction to a message (`on: true`), or to take it back. The server replies with `ack`. */
export const ReactRequest = z.object({
  type: z.literal("react"),
  conversation: OptionalConversation,
  seq: ChangedSeq,
  reaction: Reaction,
  on: z.boolean("must be true or false"),
  epoch: Epoch.optional(),
  id: MessageId.optional(),
});

/** One reaction of a message: how many users have it, and the newest five of them, the newest first. */
export const ReactionSummary = z.object({ count: z.int(), users: z.array(Identifier) });

/** What changes have made of a message. */
export const CHANGED_FIELDS = {
  /** The newest change of the message. */
  rev: z.int().optional(),
  /** When its text or data was edited last, and the change that did it. */
  edited: z.object({ at: z.int(), rev: z.int() }).optional(),
  reactions: z.record(z.string(), ReactionSummary).optional(),
} as const;

/**
 * Sent to everyone who has the conversation open. Each field of `set` takes the place of the message's field; `null` drops it. In
 * `reactions` each name takes its name's place, and a `count` of 0 drops it. Of the kind `fold`, which sums up what was missed,
 * what `set` does not hold is dropped.
 */
export const ChangeFrame = z.object({
  type: z.literal("change"),
  conversation: OptionalConversation,
  rev: z.int(),
  seq: z.int(),
  kind: z.enum(["edit", "erase", "react", "fold"]),
  /** Who made the change; missing in a `fold`. */
  by: z.string().optional(),
  at: z.int(),
  set: z.record(z.string(), z.json()),
  /** In a `fold`: the user's own reactions. */
  mine: z.array(z.string()).optional(),
});

export type ReactionSummary = z.output<typeof ReactionSummary>;
