/** How many are let in at once: while one waits for its token's key, others use the event loop. */
const MAX_PERMITS = 4;

/**
 * How long one keeps its place, in milliseconds. Work of the event loop takes less; who waits longer waits for another
 * machine, such as the one that publishes the keys, and must not keep everybody waiting.
 */
const PERMIT_TIMEOUT_MS = 100;

/** One of the places in the entrance. */
export interface Permit {
  /** Gives it to the next, in another turn of the event loop: in this one, what has just been done has had its share. */
  release(): void;
}

/**
 * Lets connections in a few at a time and the rest in the order in which they came, so that thousands who come at once
 * share the event loop with those who talk, instead of filling one turn of it after the other.
 */
export class AdmissionQueue {
  private readonly waiting = new Set<(place: Permit) => void>();
  private held = 0;

  /** A place, as soon as there is one; it MUST be left. Not a promise where it is there now. */
  acquire(): Permit | Promise<Permit> {
    if (this.held >= MAX_PERMITS) return new Promise((resolve) => this.waiting.add(resolve));
    this.held++;
    return this.createPermit();
  }

  private createPermit(): Permit {
    let kept = true;
    const handOn = () => {
      if (kept) this.passOn();
      kept = false;
    };
    const late = setTimeout(handOn, PERMIT_TIMEOUT_MS);
    return {
      release: () => {
        clearTimeout(late);
        setImmediate(handOn);
      },
    };
  }

  private passOn(): void {
    for (const begin of this.waiting) {
      this.waiting.delete(begin);
      begin(this.createPermit());
      return;
    }
    this.held--;
  }
}
