/**
 * Measures the time in which this node ran, in milliseconds, for waits for a reply. The node may stand still, because the machine is
 * busy or sleeps: replies that came meanwhile are read only after the timers, so that time must not count as a wait.
 *
 *   ticks     |----|----|----------------------|----|
 *   counted     1    1            1              1       of an interval at most
 */
export class RunningTime {
  private lastTick: number;
  private counted = 0;

  /** `now` is a time in milliseconds that does not step. */
  constructor(
    private readonly intervalMs: number,
    private readonly now: () => number,
  ) {
    this.lastTick = now();
  }

  /** The time counted up to the last tick. */
  get passed(): number {
    return this.counted;
  }

  /** Called in each interval, or more often. Returns the time counted up to now. */
  tick(): number {
    const now = this.now();
    this.counted += Math.min(now - this.lastTick, this.intervalMs);
    this.lastTick = now;
    return this.counted;
  }
}
