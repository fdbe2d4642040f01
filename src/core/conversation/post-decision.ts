import type { Quota } from "../../protocol/server-frames.ts";
import type { SlidingWindowLog } from "./quota.ts";

/** The position of an earlier message with the same id. */
export interface ExistingMessage {
  readonly seq: number;
  readonly at: number;
}

export type PostDecision =
  | { readonly outcome: "duplicate"; readonly seq: number; readonly at: number; readonly quota: Quota | null }
  | { readonly outcome: "rate_limited"; readonly retryAfter: number; readonly quota: Quota }
  | { readonly outcome: "store" };

/**
 * Decides about one message. A duplicate is not charged, and is accepted also over the quota (D3, Q2). A message over the
 * quota is refused and not recorded (Q2). Any other message is stored; the caller records the charge together with it.
 */
export function decidePost(
  existing: ExistingMessage | undefined,
  log: SlidingWindowLog,
  limit: number,
  now: number,
): PostDecision {
  if (existing !== undefined) {
    return { outcome: "duplicate", seq: existing.seq, at: existing.at, quota: log.view(limit, now) };
  }
  const retryAfter = log.retryAfter(limit, now);
  if (retryAfter > 0) return { outcome: "rate_limited", retryAfter, quota: log.left(limit, now) };
  return { outcome: "store" };
}
