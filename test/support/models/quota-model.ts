import { QUOTA_WINDOW_MS } from "../../../src/core/conversation/quota.ts";
import type { Quota } from "../../../src/protocol/server-frames.ts";

/** Q1 in the plainest way: every accepted request with its time, counted afresh at each question. */
export class QuotaModel {
  private readonly times: number[] = [];

  record(now: number): void {
    this.times.push(now);
  }

  /** Requests in the hour that ends at `now`: (now − hour, now]. */
  count(now: number): number {
    return this.times.filter((time) => time > now - QUOTA_WINDOW_MS && time <= now).length;
  }

  /** The least wait after which one more fits: it can only be 0, or end when one of the requests leaves the hour. */
  wait(limit: number, now: number): number {
    if (limit === 0) return 0;
    const ends = [0, ...this.times.map((time) => time + QUOTA_WINDOW_MS - now)].filter((end) => end >= 0);
    return Math.min(...ends.filter((end) => this.count(now + end) < limit));
  }

  view(limit: number, now: number): Quota | null {
    if (limit === 0) return null;
    const newest = Math.max(...this.times.filter((time) => time > now - QUOTA_WINDOW_MS));
    const reset = newest === -Infinity ? 0 : (newest + QUOTA_WINDOW_MS - now) / 1000;
    return { limit, remaining: Math.max(0, limit - this.count(now)), reset };
  }
}
