/** An object with frames to send at the end of this turn of the event loop. */
export interface FlushTarget {
  flush(): void;
}

/**
 * Collects the frames of one turn of the event loop and writes them together, per connection. Outside a socket handler
 * each write would be a system call; collected and corked, all frames for a connection need only one.
 */
export class WriteBatcher<S extends FlushTarget> {
  private pending: S[] = [];

  /** `failed` is called with a sender whose `flush` threw. The other senders are still flushed. */
  constructor(private readonly failed: (sender: S, error: unknown) => void) {}

  /** Schedules `sender` to be flushed after the current task. Call it once per turn and sender. */
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
