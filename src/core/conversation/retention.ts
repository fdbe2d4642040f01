import type { Head } from "../ports/message-log.ts";

/** How long messages are kept; 0 is no limit. Messages beyond either limit are removed. */
export interface RetentionLimits {
  /** The number of newest messages of a conversation that are kept. */
  readonly messages: number;
  /** Messages older than this many days are removed. */
  readonly days: number;
}

export const UNLIMITED_RETENTION: RetentionLimits = { messages: 0, days: 0 };

/** Redis keeps all messages in memory, so these limits apply there unless others are set. */
export const DEFAULT_REDIS_RETENTION: RetentionLimits = { messages: 10_000, days: 30 };

/** Returns the limits that the settings set, and those of `defaults` where they set none. */
export function retentionLimitsOf(
  settings: { readonly retentionMessages?: number | undefined; readonly retentionDays?: number | undefined },
  defaults: RetentionLimits,
): RetentionLimits {
  return {
    messages: settings.retentionMessages ?? defaults.messages,
    days: settings.retentionDays ?? defaults.days,
  };
}

const DAY_MS = 86_400_000;

/**
 * The oldest `seq` that is still kept under `limits` at `now` (milliseconds since 1970): `head.first` or a later one,
 * `head.seq` + 1 when nothing is.
 *
 * `timeOf` returns when a message was stored, or undefined for an unknown message, which is kept. It is called once when no
 * message is too old, and otherwise about log2(n) times (a binary search).
 */
export function retentionFloor(
  head: Pick<Head, "seq" | "first">,
  limits: RetentionLimits,
  now: number,
  timeOf: (seq: number) => number | undefined,
): number {
  const byCount = limits.messages > 0 ? Math.max(head.first, head.seq - limits.messages + 1) : head.first;
  return limits.days > 0 ? firstSince(byCount, head.seq, now - limits.days * DAY_MS, timeOf) : byCount;
}

/** The first `seq` from `first` on that was stored at `since` or later; times grow with `seq`. */
function firstSince(
  first: number,
  newest: number,
  since: number,
  timeOf: (seq: number) => number | undefined,
): number {
  const isYoung = (seq: number) => (timeOf(seq) ?? Number.POSITIVE_INFINITY) >= since;
  if (first > newest || isYoung(first)) return first;
  let old = first;
  let young = newest + 1;
  while (young - old > 1) {
    const middle = Math.floor((old + young) / 2);
    if (isYoung(middle)) young = middle;
    else old = middle;
  }
  return young;
}
