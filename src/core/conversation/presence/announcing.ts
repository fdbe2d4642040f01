// How the members of a conversation are notified of joins and leaves: each one by itself while few users are present, or by
// their number where there are many (LR2). Each node decides by the number of users that it knows.

/** Up to this number of present users, each join and leave is a `presence` frame, and lists hold all of them. */
export const MAX_LISTED = 100;

/** A conversation that was larger than MAX_LISTED gets `presence` frames again when it has this number of users or fewer. */
export const LISTED_AGAIN_AT = 80;

/** A `presence_count` frame comes at most this often, in milliseconds. */
export const COUNT_INTERVAL_MS = 1_000;

export interface Announcing {
  /** `each`: every join and leave is sent; `count`: only the number of present users is. */
  readonly mode: "each" | "count";
  /** The number that was sent last; undefined when none was sent since the mode began. */
  readonly sent: number | undefined;
  /** When a `presence_count` was sent last, in milliseconds. */
  readonly sentAt: number;
}

/** The state of a conversation that never was large. One object for all of them. */
export const ANNOUNCE_EACH: Announcing = { mode: "each", sent: undefined, sentAt: Number.NEGATIVE_INFINITY };

/** `changed`: a user joined or left, and is counted; `time`: some time has passed. */
export type AnnouncingEvent = "changed" | "time";

export interface AnnouncingStep {
  readonly announcing: Announcing;
  /** The frame to send: `presence` about the change, `presence_count`, or `presence_count` with the list of all users. */
  readonly send?: "presence" | "count" | "count_and_list";
}

/**
 * Returns the next state, and what to send, when `count` users are present. Numbers are sent at `time` only: a node may
 * apply many changes at once, and counts them one by one.
 */
export function stepAnnouncing(
  announcing: Announcing,
  event: AnnouncingEvent,
  count: number,
  now: number,
): AnnouncingStep {
  const { mode, sent, sentAt } = announcing;
  if (mode === "each") {
    if (count > MAX_LISTED) return { announcing: { mode: "count", sent: undefined, sentAt } };
    return event === "changed" ? { announcing, send: "presence" } : { announcing };
  }
  if (event === "changed" || now < sentAt + COUNT_INTERVAL_MS) return { announcing };
  if (count <= LISTED_AGAIN_AT)
    return { announcing: { mode: "each", sent: undefined, sentAt: now }, send: "count_and_list" };
  if (count === sent) return { announcing };
  return { announcing: { mode: "count", sent: count, sentAt: now }, send: "count" };
}

/** Whether time alone brings a frame while `count` users are present. */
export function hasUnsentCount({ mode, sent }: Announcing, count: number): boolean {
  return mode === "count" && (count <= LISTED_AGAIN_AT || count !== sent);
}
