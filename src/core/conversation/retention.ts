import type { Head } from "../ports/message-log.ts";

/** How long messages are kept; 0 is no limit. Messages beyond either limit are removed. */
export interface RetentionLimits {
  /** The newest so many of a conversation. */
  readonly messages: number;
  /** Those that are younger. */
  readonly days: number;
}

export const UNLIMITED_RETENTION: RetentionLimits = { messages: 0, days: 0 };

/** Where all that is kept lies in memory, a limit holds unless another is set. */
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
 * `timeOf` returns when a message was stored. It is asked once where nothing became too old since the last time, and
 * otherwise as often as halving the conversation takes. A message of which it knows nothing counts as young.
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
