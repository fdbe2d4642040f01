/** How many are let in at once: while one waits for its token's key, others use the event loop. */
const PLACES = 4;

/**
 * How long one keeps its place, in milliseconds. Work of the event loop takes less; who waits longer waits for another
 * machine, such as the one that publishes the keys, and must not keep everybody waiting.
 */
const KEPT = 100;

/** One of the places in the entrance. */
export interface Place {
  /** Gives it to the next, in another turn of the event loop: in this one, what has just been done has had its share. */
  leave(): void;
}

/**
 * Lets connections in a few at a time and the rest in the order in which they came, so that thousands who come at once
 * share the event loop with those who talk, instead of filling one turn of it after the other.
 */
export class Entrance {
  private readonly waiting = new Set<(place: Place) => void>();
  private taken = 0;

  /** A place, as soon as there is one; it MUST be left. Not a promise where it is there now. */
  take(): Place | Promise<Place> {
    if (this.taken >= PLACES) return new Promise((resolve) => this.waiting.add(resolve));
    this.taken++;
    return this.place();
  }

  private place(): Place {
    let kept = true;
    const handOn = () => {
      if (kept) this.handOn();
      kept = false;
    };
    const late = setTimeout(handOn, KEPT);
    return {
      leave: () => {
        clearTimeout(late);
        setImmediate(handOn);
      },
    };
  }

  private handOn(): void {
    for (const begin of this.waiting) {
      this.waiting.delete(begin);
      begin(this.place());
      return;
    }
    this.taken--;
  }
}
