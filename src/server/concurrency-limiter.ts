import type { TurnShare } from "./turn-share.ts";

/** The result of the task, or `busy` when too many waited already and the task was not begun. */
export type LimiterResult<T> = { readonly outcome: "done"; readonly value: T } | { readonly outcome: "busy" };

/** Allows one piece of work to run. */
export interface Permit {
  /** Hands it on to the next that waits. Calls after the first change nothing. */
  release(): void;
}

export interface ConcurrencyLimits {
  /** Permits at a time. */
  readonly permits: number;
  /** Most that wait for a permit by `run`; without it, any number. */
  readonly maxWaiting?: number;
  /** A permit that is held longer is handed on, in milliseconds; the work goes on. Without it, never. */
  readonly permitTimeoutMs?: number;
  /** Work begins only while this share of a turn of the event loop is not used up, and what waited begins in another turn. */
  readonly turnShare?: TurnShare;
}

/** Lets so many pieces of work run at a time, and the others wait, first come, first served. */
export class ConcurrencyLimiter {
  // A set and not an array: thousands may wait, and the first is taken out each time.
  private readonly waiting = new Set<(permit: Permit) => void>();
  private held = 0;

  constructor(private readonly limits: ConcurrencyLimits) {}

  /** Returns a permit, which MUST be released. Not a promise where there is one now. */
  acquire(): Permit | Promise<Permit> {
    const { permits, turnShare } = this.limits;
    if (this.held >= permits) return new Promise((resolve) => this.waiting.add(resolve));
    this.held++;
    if (turnShare?.mayBegin() !== false) return this.createPermit();
    return new Promise((resolve) => turnShare.later(() => resolve(this.createPermit())));
  }

  /** Runs `task` with a permit, as soon as there is one. */
  async run<T>(task: () => Promise<T>): Promise<LimiterResult<T>> {
    const { permits, maxWaiting = Number.POSITIVE_INFINITY } = this.limits;
    if (this.held >= permits && this.waiting.size >= maxWaiting) return { outcome: "busy" };
    const acquired = this.acquire();
    const permit = acquired instanceof Promise ? await acquired : acquired;
    try {
      return { outcome: "done", value: await task() };
    } finally {
      permit.release();
    }
  }

  private createPermit(): Permit {
    const { permitTimeoutMs, turnShare } = this.limits;
    let isHeld = true;
    const handOn = () => {
      if (isHeld) this.handOn();
      isHeld = false;
    };
    const timer = permitTimeoutMs === undefined ? undefined : setTimeout(handOn, permitTimeoutMs);
    return {
      release() {
        clearTimeout(timer);
        if (turnShare === undefined) handOn();
        else turnShare.later(handOn);
      },
    };
  }

  /** The permit is handed on, not freed: work that comes in between must not overtake work that waits. */
  private handOn(): void {
    for (const begin of this.waiting) {
      this.waiting.delete(begin);
      begin(this.createPermit());
      return;
    }
    this.held--;
  }
}
