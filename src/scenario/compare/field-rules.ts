// The fields that differ between two runs of the same scenario, and how they are compared. The fields are those of
// src/protocol/server-frames.ts; a test keeps the two in step.

/**
 * How a field is compared in a recording:
 *
 * - `free`: must be present; its value differs in each run (times, quota) or is for people (texts)
 * - `seq`, `range`: a number and `{first, last}`, relative to the newest message when the client connected
 * - `id`: equal if a client chose it; if the server generated it, always mapped to the same id of this run
 * - `user`, `conversation`: the one that replaces the recorded one in this run
 * - `epoch`: each recorded epoch is mapped to one epoch of this run
 * - `plan`: equal, unless another user replaces the recorded one
 * - `present`, `messages`: lists that contain such fields, see compare-frames.ts
 * - `more`: equal, unless the conversation had messages before
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

/** The fields of a message, in a `message` frame or in `history`. */
export const MESSAGE_FIELDS: FieldRules = {
  seq: "seq",
  id: "id",
  from: "user",
  reply_to: "seq",
  erased: "free",
  stream: "free",
  rev: "free",
  edited: "free",
  reactions: "free",
  at: "free",
};

/** By type of frame: the fields that are not compared for equality. */
export const FIELD_RULES: Readonly<Record<string, FieldRules>> = {
  welcome: {
    connection: "free",
    conversation: "conversation",
    user: "user",
    plan: "plan",
    seq: "seq",
    rev: "free",
    epoch: "epoch",
    lost: "range",
    skipped: "range",
    quota: "free",
    inactivity: "free",
    present: "present",
    present_count: "free",
    server: "free",
    limits: "free",
    at: "free",
  },
  opened: {
    conversation: "conversation",
    seq: "seq",
    rev: "free",
    epoch: "epoch",
    lost: "range",
    skipped: "range",
    present: "present",
    present_count: "free",
    read: "seq",
    id: "id",
  },
  closed: { conversation: "conversation", message: "free", until: "free", retry_after: "free" },
  message: { conversation: "conversation", ...MESSAGE_FIELDS },
  // The numbers of changes differ where the conversation was changed before the run.
  change: { conversation: "conversation", rev: "free", seq: "seq", by: "user", at: "free", set: "free" },
  ack: { conversation: "conversation", id: "id", seq: "seq", rev: "free", at: "free", quota: "free" },
  // The keys of `mine` are `seq`s.
  history: {
    conversation: "conversation",
    messages: "messages",
    mine: "free",
    more: "more",
    id: "id",
    quota: "free",
  },
  stream_started: { conversation: "conversation", id: "id", stream: "id", quota: "free" },
  stream_stored: { conversation: "conversation", stream: "free", n: "free" },
  stream_cancel: { conversation: "conversation", stream: "free", by: "user" },
  stream: {
    conversation: "conversation",
    stream: "free",
    id: "id",
    from: "user",
    n: "free",
    text: "free",
    reply_to: "seq",
    at: "free",
  },
  stream_append: { conversation: "conversation", stream: "free", after: "free", n: "free", text: "free" },
  presence: { conversation: "conversation", user: "user", at: "free" },
  presence_count: { conversation: "conversation", count: "free", present: "present" },
  typing: { conversation: "conversation", user: "user" },
  read: { conversation: "conversation", user: "user", seq: "seq" },
  warning: { message: "free", seconds: "free" },
  error: {
    conversation: "conversation",
    message: "free",
    stream: "free",
    id: "id",
    retry_after: "free",
    n: "free",
    seq: "seq",
    rev: "free",
    epoch: "epoch",
    until: "free",
    reason: "free",
    quota: "free",
  },
  pong: { id: "id" },
  token_accepted: { expires_in: "free" },
  degraded: { reason: "free" },
  recovered: { reason: "free" },
  closing: { reason: "free", retry_after: "free" },
  inbox: { items: "free", cursor: "free", position: "free", id: "id" },
  inbox_item: { item: "free", position: "free" },
};

/** By type of frame: optional fields whose presence matters. One that was not expected is a difference. */
export const SIGNIFICANT_OPTIONAL_FIELDS: Readonly<Record<string, readonly string[]>> = {
  welcome: [
    "access",
    "data",
    "direct",
    "muted",
    "role",
    "title",
    "conversation",
    "seq",
    "rev",
    "epoch",
    "resumed",
    "reread",
    "lost",
    "skipped",
    "present",
    "present_count",
  ],
  opened: ["data", "direct", "muted", "role", "title", "lost", "reread", "skipped", "id"],
  closed: ["code", "message", "until", "retry_after"],
  message: ["conversation", "data", "reply_to", "erased", "stream", "rev", "edited", "reactions", "mine"],
  change: ["conversation", "by", "mine"],
  ack: ["conversation", "id", "rev", "duplicate"],
  history: ["conversation", "mine", "id", "quota"],
  stream_started: ["conversation"],
  stream_stored: ["conversation"],
  stream_cancel: ["conversation"],
  stream: ["conversation", "data", "reply_to"],
  stream_append: ["conversation", "data"],
  presence: ["conversation"],
  presence_count: ["conversation", "present"],
  typing: ["conversation"],
  read: ["conversation"],
  member: ["conversation", "role", "until", "by"],
  conversation: ["conversation", "title", "data", "by"],
  warning: ["seconds"],
  error: [
    "conversation",
    "stream",
    "id",
    "retry_after",
    "n",
    "seq",
    "rev",
    "epoch",
    "until",
    "reason",
    "quota",
  ],
  pong: ["id"],
  closing: ["retry_after"],
  inbox: ["id", "cursor", "reset"],
};

/**
 * Returns the lane of a received frame. Within a lane frames arrive in a fixed order; between two lanes the protocol
 * guarantees none (docs/protocol/DELIVERY.md: "match them by `id`, not by order").
 */
export function laneOf(type: string, code: unknown): string {
  if (type === "ack" || type === "history") return "answers";
  if (type === "error" && (code === "rate_limited" || code === "unavailable")) return "answers";
  return type;
}

/** Lanes with frames of several users, whose order is not fixed. */
export const UNORDERED_LANES: ReadonlySet<string> = new Set(["read", "presence", "typing"]);
