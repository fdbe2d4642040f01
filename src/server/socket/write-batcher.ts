/** Something that has frames to send at the end of this turn. */
export interface FlushTarget {
  flush(): void;
}

/**
 * Sends what a turn of the event loop has for each connection in one go. A write outside a socket handler is a system
 * call of its own; gathered and corked, a batch's frames for a connection are one.
 */
export class WriteBatcher<S extends FlushTarget> {
  private pending: S[] = [];

  /** `failed` is told when a sender threw; the others are flushed all the same. */
  constructor(private readonly failed: (sender: S, error: unknown) => void) {}

  /** Has `sender` flushed when what runs now is done. Call it once a turn for each sender. */
  add(sender: S): void {
    if (this.pending.push(sender) === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const senders = this.pending;
    this.pending = [];
    for (const sender of senders) {
      try {
        sender.flush();
      } catch (error) {
        this.failed(sender, error);
      }
    }
  }
}
