import { QUOTA_WINDOW_MS } from "../conversation/quota.ts";

/**
 * Returns whether a refusal for the quota at `now` is to be an event, where the user's last such event was at `last`, both in
 * milliseconds. An exhaustion lasts for the window of the quota: a user who goes on asking would make an event with each request
 * that becomes free otherwise.
 */
export function beginsExhaustion(last: number | undefined, now: number): boolean {
  return last === undefined || now >= last + QUOTA_WINDOW_MS;
}
