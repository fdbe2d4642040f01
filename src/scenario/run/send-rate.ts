import { dueAfter, waitTime } from "../../protocol/gcra.ts";

/** Frames a second that a run sends on one line of itself: below the server's BURST_RATE of 20, which counts pongs, too. */
export const SEND_RATE = 18;

/** Frames that it sends at once before that: below the server's BURST_SIZE of 40. */
export const SEND_BURST = 30;

const LIMIT = { intervalMs: 1000 / SEND_RATE, burst: SEND_BURST };

/** Most that counts as sent too early, in milliseconds: a recorded flood holds back what follows for no longer. */
const MAX_DEBT_MS = 2 * SEND_BURST * LIMIT.intervalMs;

/**
 * Keeps a fast run of a slow recording from being a flood, which the server would close (M2). A recorded flood is one
 * all the same: what was sent at once is not held back, see runner.ts.
 */
export class SendRateLimiter {
  private due = Number.NEGATIVE_INFINITY;

  /** When the next frame may be sent. */
  availableAt(now: number): number {
    return now + waitTime(this.due, LIMIT, now);
  }

  /** A frame is sent. */
  consume(now: number): void {
    this.due = Math.min(dueAfter(this.due, LIMIT.intervalMs, now), now + MAX_DEBT_MS);
  }
}
