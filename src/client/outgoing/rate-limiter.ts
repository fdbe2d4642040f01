/**
 * Keeps requests below the server's limit of frames a second (M2): `burst` at once, `rate` a second over time.
 *
 * The generic cell rate algorithm (ITU-T I.371): one number, the time at which the last request would have been due had
 * they all come evenly. Times are in milliseconds of a clock that only goes forward.
 */
export interface RateLimiter {
  /** When the next request may go. */
  readyAt(): number;
  consume(now: number): void;
  /** Nothing before `until`, and evenly from then on. */
  pause(until: number): void;
}

/** A `rate` of 0 is no limit. */
export function createRateLimiter(rate: number, burst: number): RateLimiter {
  const between = rate > 0 ? 1000 / rate : 0;
  const allowance = (burst - 1) * between;
  let due = 0;
  return {
    readyAt: () => due - allowance,
    consume(now) {
      due = Math.max(due, now) + between;
    },
    pause(until) {
      due = Math.max(due, until + allowance);
    },
  };
}
