// When a server stops to accept connections because the process has nearly no file descriptor left. The runtime retries `accept`
// in a busy loop while there is none (RT-20), and connections before their first request are not counted (access/admission.ts).

/** The share of the limit that stays free, and the largest number of descriptors that do. */
const FREE_SHARE = 1 / 16;
const MAX_FREE = 64;

/** How long accepting stays stopped at least, in milliseconds, so that a flood cannot alternate quickly. */
const MIN_PAUSE_MS = 1_000;

/** Decides when to stop accepting and when to begin again, for a process with a limit of open files. Times are in milliseconds. */
export class AcceptRule {
  private readonly pauseAt: number;
  private readonly resumeBelow: number;
  private pausedAt: number | undefined;

  constructor(limit: number) {
    const free = Math.min(MAX_FREE, Math.ceil(limit * FREE_SHARE));
    this.pauseAt = limit - free;
    this.resumeBelow = this.pauseAt - Math.ceil(free / 2);
  }

  get isPaused(): boolean {
    return this.pausedAt !== undefined;
  }

  /**
   * Returns whether to stop accepting now. `lowestFree` is the lowest free descriptor, so at least that many are open; undefined
   * if none is free.
   */
  mustPause(lowestFree: number | undefined): boolean {
    return !this.isPaused && (lowestFree === undefined || lowestFree >= this.pauseAt);
  }

  /** Records that accepting has stopped, or could not begin again. */
  paused(now: number): void {
    this.pausedAt = now;
  }

  /** Returns whether the pause has lasted long enough for `mayResume`, which needs a count of the open files. */
  isCountDue(now: number): boolean {
    return this.pausedAt !== undefined && now - this.pausedAt >= MIN_PAUSE_MS;
  }

  /** Returns whether to accept again. `open` is the number of open files; undefined if no descriptor is free to count them. */
  mayResume(open: number | undefined): boolean {
    return open !== undefined && open < this.resumeBelow;
  }

  /** Records that accepting has begun again. */
  resumed(): void {
    this.pausedAt = undefined;
  }
}
