/** How many are let through at once: while one waits for its token's signature, others use the event loop. */
const PLACES = 4;

/**
 * How long one keeps its place, in milliseconds. Work of the event loop takes less; who waits longer waits for another
 * machine, such as the one that publishes the keys, and must not keep everybody waiting.
 */
const KEPT = 100;

/**
 * Lets work through a few at a time and the rest in the order in which it came, so that thousands who come at once
 * share the event loop with those who talk, instead of filling one turn of it after the other.
 */
export class Entrance {
  private readonly waiting = new Set<() => void>();
  private inside = 0;

  /** Does `work` when there is a place for it. */
  async through(work: () => Promise<void>): Promise<void> {
    if (this.inside < PLACES) this.inside++;
    else await new Promise<void>((resolve) => this.waiting.add(resolve));
    let kept = true;
    const giveUpPlace = () => {
      if (kept) this.handOn();
      kept = false;
    };
    const late = setTimeout(giveUpPlace, KEPT);
    try {
      await work();
    } finally {
      clearTimeout(late);
      // In another turn of the event loop: in this one, what has just been done has had its share.
      setImmediate(giveUpPlace);
    }
  }

  private handOn(): void {
    for (const begin of this.waiting) {
      this.waiting.delete(begin);
      begin();
      return;
    }
    this.inside--;
  }
}
