interface DelayedItem {
  due: number;
  readonly bytes: number;
  readonly run: () => void;
}

/** A queue of delayed actions that keeps their order: none is carried out before an earlier one. */
export class DelayQueue {
  private waiting: DelayedItem[] = [];
  /** The number of bytes of all actions that wait. */
  bytes = 0;

  get length(): number {
    return this.waiting.length;
  }

  /** Calls `go` at `due` (milliseconds), or after all earlier actions if that is later. */
  add(due: number, bytes: number, go: () => void): void {
    this.waiting.push({ due: Math.max(due, this.waiting.at(-1)?.due ?? 0), bytes, run: go });
    this.bytes += bytes;
  }

  /** Makes all waiting actions due at `due` at the latest. */
  limitDelay(due: number): void {
    for (const held of this.waiting) held.due = Math.min(held.due, due);
  }

  /** Carries out the actions that are due at `now`. An action may add to this queue, or empty it. */
  release(now: number): void {
    for (let held = this.waiting[0]; held !== undefined && held.due <= now; held = this.waiting[0]) {
      this.waiting.shift();
      this.bytes -= held.bytes;
      held.run();
    }
  }

  /** Empties the queue, and returns the actions that waited in it. */
  clear(): (() => void)[] {
    const { waiting } = this;
    this.waiting = [];
    this.bytes = 0;
    return waiting.map(({ run }) => run);
  }
}
