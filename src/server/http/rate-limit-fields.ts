import { QUOTA_WINDOW_MS } from "../../core/conversation/quota.ts";
import type { Quota } from "../../protocol/server-frames.ts";

/**
 * Returns a quota as the fields of draft-ietf-httpapi-ratelimit-headers-10 (Q3): the policy with its quota `q` and window
 * `w`, and the remaining requests `r` with the seconds `t` until the whole quota is available again. No fields for an
 * unmetered user.
 */
export function rateLimitFields(quota: Quota | null, plan: string): Record<string, string> {
  if (quota === null) return {};
  const { limit, remaining, reset } = quota;
  // A structured string holds printable ASCII only, with two characters escaped (RFC 9651 §3.3.3).
  const name = `"${plan.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
  return {
    "RateLimit-Policy": `${name};q=${limit};w=${QUOTA_WINDOW_MS / 1000}`,
    RateLimit: `${name};r=${remaining};t=${Math.ceil(reset)}`,
  };
}
