// What differs between two runs of the same thing, and how it is compared all the same. The fields are those of
// src/protocol/server-frames.ts; a test holds the two together.

/**
 * How a field is compared in a recording:
 *
 * - `free`: it must be there; its value is another each time (times, numbers of the quota) or for people (words)
 * - `seq`, `range`: a number and `{first, last}`, counted from where the conversation began to be watched
 * - `id`: a name that a client sent is the same, one that the server made is another, but always the same other one
 * - `user`, `conversation`: the one that plays this part in this run
 * - `epoch`: another one, but the same as long as it was the same
 * - `plan`: the same, unless another user plays the part
 * - `present`, `messages`: lists with such fields in them, see compare-frames.ts
 * - `more`: the same, unless there were messages before
 */
export type FieldRule =
  | "free"
  | "seq"
  | "range"
  | "id"
  | "user"
  | "conversation"
  | "epoch"
  | "plan"
  | "present"
  | "messages"
  | "more";

type FieldRules = Readonly<Record<string, FieldRule>>;

/** The fields of a message, in a frame of its own or in `history`. */
export const MESSAGE_FIELDS: FieldRules = { seq: "seq", id: "id", from: "user", at: "free" };

/** By type of frame, the fields that are not simply equal. */
export const FIELD_RULES: Readonly<Record<string, FieldRules>> = {
  welcome: {
    connection: "free",
    conversation: "conversation",
    user: "user",
    plan: "plan",
    seq: "seq",
    epoch: "epoch",
    lost: "range",
    skipped: "range",
    quota: "free",
    inactivity: "free",
    present: "present",
    server: "free",
  },
  message: MESSAGE_FIELDS,
  ack: { id: "id", seq: "seq", at: "free", quota: "free" },
  history: { messages: "messages", more: "more", id: "id", quota: "free" },
  presence: { user: "user", at: "free" },
  typing: { user: "user" },
  read: { user: "user", seq: "seq" },
  warning: { message: "free", seconds: "free" },
  error: { message: "free", id: "id", retry_after: "free", quota: "free" },
  pong: { id: "id" },
  token_accepted: { expires_in: "free" },
  degraded: { reason: "free" },
  recovered: { reason: "free" },
  closing: { reason: "free", retry_after: "free" },
};

/** By type of frame, the fields that say something by being there: one that was not expected is a difference. */
export const SIGNIFICANT_OPTIONAL_FIELDS: Readonly<Record<string, readonly string[]>> = {
  welcome: ["lost", "skipped"],
  message: ["data"],
  ack: ["duplicate"],
  history: ["id", "quota"],
  warning: ["seconds"],
  error: ["id", "retry_after", "quota"],
  pong: ["id"],
  closing: ["retry_after"],
};

/**
 * Where a frame has its place among the others that a line hears. Within a lane frames come in one order; between two
 * lanes the protocol promises none (docs/PROTOCOL.md: "go by `id`, not by order").
 */
export function laneOf(type: string, code: unknown): string {
  if (type === "ack" || type === "history") return "answers";
  if (type === "error" && (code === "rate_limited" || code === "unavailable")) return "answers";
  return type;
}

/** Lanes in which several users speak at once, in no order among them. */
export const UNORDERED_LANES: ReadonlySet<string> = new Set(["read", "presence", "typing"]);
