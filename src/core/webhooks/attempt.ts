// What the answer of a webhook's receiver means, and when a failed event is tried again: the recommendations of Standard Webhooks
// (https://www.standardwebhooks.com, "Deliverability and reliability").
import type { Retry } from "./webhook.ts";

/** What came of one request. */
export type AttemptResult =
  | {
      readonly status: number;
      /** The header field `Retry-After`, as it is. */
      readonly retryAfter?: string;
    }
  /** No answer came; the reason in plain words. */
  | { readonly error: string };

/** `throttled`: the receiver asks for a pause, in milliseconds, which costs the event no attempt. */
export type Verdict =
  | { readonly kind: "accepted" | "gone" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "throttled"; readonly reason: string; readonly pause: number };

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The time from each attempt to the next one, in milliseconds: the schedule of Standard Webhooks. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** After so many failed attempts the webhook is paused. */
export const MAX_ATTEMPTS = RETRY_DELAYS_MS.length + 1;

/** For so long an event is tried whose receiver asks for one pause after the other: as long as the schedule, in milliseconds. */
export const MAX_RETRY_MS = RETRY_DELAYS_MS.reduce((sum, delay) => sum + delay, 0);

/** The shortest and the longest pause that a receiver may ask for, in milliseconds. */
export const MIN_PAUSE_MS = SECOND_MS;
export const MAX_PAUSE_MS = 24 * HOUR_MS;

/** The pause after a 429 that names none, in milliseconds. */
const DEFAULT_PAUSE_MS = 5 * SECOND_MS;

/** A retry comes up to this share of its delay later, so that those of one outage do not come all at once. */
const JITTER = 0.1;

/** Returns what an answer means. `wall` is the time of day, in milliseconds since 1970. */
export function judgeAttempt(result: AttemptResult, wall: number): Verdict {
  if ("error" in result) return { kind: "failed", reason: result.error };
  const { status, retryAfter } = result;
  if (status >= 200 && status <= 299) return { kind: "accepted" };
  if (status === 410) return { kind: "gone" };
  const pause = retryAfter === undefined ? undefined : readRetryAfter(retryAfter, wall);
  if (status === 429 || (status === 503 && pause !== undefined))
    return { kind: "throttled", reason: `status ${status}`, pause: pause ?? DEFAULT_PAUSE_MS };
  const isRedirect = status >= 300 && status <= 399;
  return {
    kind: "failed",
    reason: isRedirect ? `status ${status}: redirects are not followed` : `status ${status}`,
  };
}

/** Returns a `Retry-After` (RFC 9110 §10.2.3) in milliseconds, within the bounds; undefined where it is neither number nor date. */
export function readRetryAfter(text: string, wall: number): number | undefined {
  const trimmed = text.trim();
  const asked = /^\d{1,12}$/.test(trimmed) ? Number(trimmed) * SECOND_MS : Date.parse(trimmed) - wall;
  return Number.isNaN(asked) ? undefined : Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, asked));
}

/**
 * Returns when an event is tried again that was not accepted; undefined when it was tried often enough. `before` is its record
 * from the attempts so far; `random` is a number from 0 to 1.
 */
export function nextRetry(
  event: string,
  before: Retry | undefined,
  verdict: Extract<Verdict, { kind: "failed" | "throttled" }>,
  now: number,
  random: number,
): Retry | undefined {
  const since = before?.since ?? now;
  const attempts = before?.attempts ?? 0;
  if (verdict.kind === "throttled") {
    const nextAt = now + verdict.pause;
    return nextAt > since + MAX_RETRY_MS ? undefined : { event, attempts, since, nextAt, throttled: true };
  }
  const delay = RETRY_DELAYS_MS[attempts];
  if (delay === undefined) return undefined;
  return { event, attempts: attempts + 1, since, nextAt: now + Math.round(delay * (1 + JITTER * random)) };
}
