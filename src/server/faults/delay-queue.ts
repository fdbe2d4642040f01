interface DelayedItem {
  due: number;
  readonly bytes: number;
  readonly run: () => void;
}

/** What comes late, in its order: nothing overtakes what was there before it. */
export class DelayQueue {
  private waiting: DelayedItem[] = [];
  /** Of all that waits. */
  bytes = 0;

  get length(): number {
    return this.waiting.length;
  }

  /** Has `go` called at `due` (milliseconds), or when what came before it has gone, if that is later. */
  add(due: number, bytes: number, go: () => void): void {
    this.waiting.push({ due: Math.max(due, this.waiting.at(-1)?.due ?? 0), bytes, run: go });
    this.bytes += bytes;
  }

  /** Lets all that waits go at `due` at the latest. */
  limitDelay(due: number): void {
    for (const held of this.waiting) held.due = Math.min(held.due, due);
  }

  /** Lets go what is due at `now`. What is called may add to this queue, or empty it. */
  release(now: number): void {
    for (let held = this.waiting[0]; held !== undefined && held.due <= now; held = this.waiting[0]) {
      this.waiting.shift();
      this.bytes -= held.bytes;
      held.run();
    }
  }

  /** Empties the queue, and returns what waited in it. */
  clear(): (() => void)[] {
    const { waiting } = this;
    this.waiting = [];
    this.bytes = 0;
    return waiting.map(({ run: go }) => go);
  }
}
