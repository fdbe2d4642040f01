import type { Quota } from "../../protocol/server-frames.ts";
import type { SpeechRefusal } from "../members/speech.ts";
import type { SlidingWindowLog } from "./quota.ts";

/** The position of an earlier message with the same id. */
export interface ExistingMessage {
  readonly seq: number;
  readonly at: number;
}

export type PostDecision =
  | { readonly outcome: "duplicate"; readonly seq: number; readonly at: number; readonly quota: Quota | null }
  | { readonly outcome: "rate_limited"; readonly retryAfter: number; readonly quota: Quota }
  | { readonly outcome: "store" }
  | SpeechRefusal;

/**
 * Decides about one message. A duplicate is not charged, and is accepted also over the quota (D3, Q2). A message over the
 * quota is refused and not recorded (Q2). Any other message is stored; the caller records the charge together with it.
 *
 * `refusal` is what core/members/speech.ts says about the sender (MB2). A user who was muted meanwhile still learns that the
 * message was stored before; one who does not belong here learns nothing.
 */
export function decidePost(
  existing: ExistingMessage | undefined,
  log: SlidingWindowLog,
  limit: number,
  now: number,
  refusal?: SpeechRefusal,
): PostDecision {
  if (refusal !== undefined && refusal.outcome !== "muted") return refusal;
  if (existing !== undefined) {
    return { outcome: "duplicate", seq: existing.seq, at: existing.at, quota: log.view(limit, now) };
  }
  if (refusal !== undefined) return refusal;
  const retryAfter = log.retryAfter(limit, now);
  if (retryAfter > 0) return { outcome: "rate_limited", retryAfter, quota: log.left(limit, now) };
  return { outcome: "store" };
}
