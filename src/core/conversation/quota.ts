import type { Quota } from "../../protocol/server-frames.ts";

// An exact sliding window log (Q1): one entry for each millisecond in which requests were accepted, with their number.
//
//        window = the hour that ends now: (now − 3,600,000, now]
//   ┌─────────────────────────────────────────────┐
//   │ (t1, 3)   (t2, 1)             (tn, 8)        │ now
//   └─────────────────────────────────────────────┘
//     head ───────────────────────────▶ tail          used = 3 + 1 + … + 8
//
// Fixed windows, sliding counters and token buckets can accept up to 2N−1 requests in one hour. This log accepts exactly N
// in every hour, and refuses none below that.

/** The rolling window of every plan, in milliseconds. */
export const QUOTA_WINDOW_MS = 3_600_000;

/** The accepted requests of one user within the window. Times MUST NOT run backwards from call to call. */
export class SlidingWindowLog {
  private times = new Float64Array(4);
  private counts = new Uint32Array(4);
  private head = 0;
  private length = 0;
  private used = 0;

  /** Requests accepted in the hour that ends at `now`. */
  count(now: number): number {
    this.expire(now);
    return this.used;
  }

  /**
   * How many milliseconds after `now` one more request fits under `limit`: 0 when it fits now. After a move to a
   * smaller plan more than one entry may have to leave first.
   */
  retryAfter(limit: number, now: number): number {
    this.expire(now);
    let excess = this.used - limit + 1;
    if (limit === 0 || excess <= 0) return 0;
    for (let i = 0; i < this.length; i++) {
      const slot = this.slot(i);
      excess -= this.counts[slot]!;
      if (excess <= 0) return this.times[slot]! + QUOTA_WINDOW_MS - now;
    }
    return QUOTA_WINDOW_MS;
  }

  /** As `retryAfter`, for `count` requests at once, which MUST NOT be more than `limit`. */
  retryAfterMany(limit: number, count: number, now: number): number {
    return limit === 0 ? 0 : this.retryAfter(limit - count + 1, now);
  }

  /** Records `count` accepted requests at `now`. */
  record(now: number, count = 1): void {
    const last = this.slot(this.length - 1);
    if (this.length > 0 && this.times[last] === now) {
      this.counts[last] = this.counts[last]! + count;
    } else {
      if (this.length === this.times.length) this.grow();
      const slot = this.slot(this.length++);
      this.times[slot] = now;
      this.counts[slot] = count;
    }
    this.used += count;
  }

  /** The quota as sent to the user (Q3); null without a limit, because `limit` is 0. */
  view(limit: number, now: number): Quota | null {
    return limit === 0 ? null : this.left(limit, now);
  }

  /** The rest under a `limit` above 0: the same numbers by which requests are refused. */
  left(limit: number, now: number): Quota {
    this.expire(now);
    const newest = this.length === 0 ? undefined : this.times[this.slot(this.length - 1)]!;
    return {
      limit,
      remaining: Math.max(0, limit - this.used),
      reset: newest === undefined ? 0 : (newest + QUOTA_WINDOW_MS - now) / 1000,
    };
  }

  private expire(now: number): void {
    while (this.length > 0 && this.times[this.head]! <= now - QUOTA_WINDOW_MS) {
      this.used -= this.counts[this.head]!;
      this.head = this.slot(1);
      this.length--;
    }
  }

  private slot(index: number): number {
    const slot = this.head + index;
    return slot < this.times.length ? slot : slot - this.times.length;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    const counts = new Uint32Array(times.length);
    for (let i = 0; i < this.length; i++) {
      times[i] = this.times[this.slot(i)]!;
      counts[i] = this.counts[this.slot(i)]!;
    }
    this.times = times;
    this.counts = counts;
    this.head = 0;
  }
}
