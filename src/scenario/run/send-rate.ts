/** Frames a second that a run sends on one line of itself: below the server's BURST_RATE of 20, which counts pongs, too. */
export const SEND_RATE = 18;

/** Frames that it sends at once before that: below the server's BURST_SIZE of 40. */
export const SEND_BURST = 30;

/**
 * Keeps a fast run of a slow recording from being a flood, which the server would close (M2). A recorded flood is one
 * all the same: what was sent at once is not held back, see runner.ts.
 */
export class SendRateLimiter {
  private tokens = SEND_BURST;
  private refilledAt: number | undefined;

  /** When the next frame may be sent. */
  availableAt(now: number): number {
    this.refill(now);
    return this.tokens >= 1 ? now : now + ((1 - this.tokens) * 1000) / SEND_RATE;
  }

  /** A frame is sent. */
  consume(now: number): void {
    this.refill(now);
    this.tokens = Math.max(this.tokens - 1, -SEND_BURST);
  }

  private refill(now: number): void {
    if (this.refilledAt !== undefined)
      this.tokens = Math.min(SEND_BURST, this.tokens + ((now - this.refilledAt) * SEND_RATE) / 1000);
    this.refilledAt = now;
  }
}
