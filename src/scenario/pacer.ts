/** Frames a second that a run sends on one line of itself: below the server's BURST_RATE of 20, which counts pongs, too. */
export const PACE = 18;

/** Frames that it sends at once before that: below the server's BURST_SIZE of 40. */
export const PACE_BURST = 30;

/**
 * Keeps a fast run of a slow recording from being a flood, which the server would close (M2). A recorded flood is one
 * all the same: what was sent at once is not held back, see play.ts.
 */
export class Pacer {
  private tokens = PACE_BURST;
  private at: number | undefined;

  /** When the next frame may be sent. */
  next(now: number): number {
    this.refill(now);
    return this.tokens >= 1 ? now : now + ((1 - this.tokens) * 1000) / PACE;
  }

  /** A frame is sent. */
  take(now: number): void {
    this.refill(now);
    this.tokens = Math.max(this.tokens - 1, -PACE_BURST);
  }

  private refill(now: number): void {
    if (this.at !== undefined)
      this.tokens = Math.min(PACE_BURST, this.tokens + ((now - this.at) * PACE) / 1000);
    this.at = now;
  }
}
