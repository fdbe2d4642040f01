/**
 * Keeps requests below the server's limit of frames a second (M2): `burst` at once, `rate` a second over time.
 *
 * The generic cell rate algorithm (ITU-T I.371): one number, the time at which the last request would have been due had
 * they all come evenly. Times are in milliseconds.
 */
export class Pace {
  private due = 0;

  /** A `rate` of 0 is no limit. */
  constructor(
    private readonly rate: number,
    private readonly burst: number,
  ) {}

  /** When the next request may go. */
  readyAt(): number {
    return this.rate === 0 ? 0 : this.due - ((this.burst - 1) * 1000) / this.rate;
  }

  take(now: number): void {
    if (this.rate > 0) this.due = Math.max(this.due, now) + 1000 / this.rate;
  }

  /** Nothing before `until`, and evenly from then on. */
  pause(until: number): void {
    if (this.rate > 0) this.due = Math.max(this.due, until + ((this.burst - 1) * 1000) / this.rate);
  }
}
