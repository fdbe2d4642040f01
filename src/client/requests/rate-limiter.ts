import { dueAfter, readyAt } from "../../protocol/gcra.ts";

/**
 * Keeps requests below the server's limit of frames a second (M2): `burst` at once, `rate` a second over time. Times are
 * in milliseconds of a clock that only goes forward.
 */
export interface RateLimiter {
  /** When the next request may go. */
  readyAt(): number;
  consume(now: number): void;
  /** Sends nothing before `until`, and evenly from then on. */
  pause(until: number): void;
}

/** A `rate` of 0 is no limit. */
export function createRateLimiter(rate: number, burst: number): RateLimiter {
  const interval = rate > 0 ? 1000 / rate : 0;
  let due = 0;
  return {
    readyAt: () => readyAt(due, interval, burst),
    consume(now) {
      due = dueAfter(due, interval, now);
    },
    pause(until) {
      due = Math.max(due, until - readyAt(0, interval, burst));
    },
  };
}
