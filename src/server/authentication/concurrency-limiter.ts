/** The work's value, or `busy` when too many were waiting already and the work was not begun. */
export type LimiterResult<T> = { readonly outcome: "done"; readonly value: T } | { readonly outcome: "busy" };

/** Lets at most `width` pieces of work run at a time and at most `queue` more wait, first come, first served. */
export class ConcurrencyLimiter {
  private readonly maxRunning: number;
  private readonly maxWaiting: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(width: number, queue: number) {
    this.maxRunning = width;
    this.maxWaiting = queue;
  }

  async run<T>(task: () => Promise<T>): Promise<LimiterResult<T>> {
    if (this.running < this.maxRunning) this.running++;
    else if (this.waiting.length >= this.maxWaiting) return { outcome: "busy" };
    else await new Promise<void>((enter) => this.waiting.push(enter));
    try {
      return { outcome: "done", value: await task() };
    } finally {
      // The place is handed on, not freed: whoever arrives in between must not overtake those who wait.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
