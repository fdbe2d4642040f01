/** The work's value, or `busy` when too many were waiting already and the work was not begun. */
export type Passage<T> = { readonly outcome: "done"; readonly value: T } | { readonly outcome: "busy" };

/** Lets at most `width` pieces of work run at a time and at most `queue` more wait, first come, first served. */
export class Turnstile {
  private readonly width: number;
  private readonly queue: number;
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(width: number, queue: number) {
    this.width = width;
    this.queue = queue;
  }

  async pass<T>(work: () => Promise<T>): Promise<Passage<T>> {
    if (this.inside < this.width) this.inside++;
    else if (this.waiting.length >= this.queue) return { outcome: "busy" };
    else await new Promise<void>((enter) => this.waiting.push(enter));
    try {
      return { outcome: "done", value: await work() };
    } finally {
      // The place is handed on, not freed: whoever arrives in between must not overtake those who wait.
      const next = this.waiting.shift();
      if (next === undefined) this.inside--;
      else next();
    }
  }
}
