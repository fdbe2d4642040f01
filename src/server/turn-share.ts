/**
 * In milliseconds. One opening takes about 0.15 ms, and a message waits for at most two turns before its ack: the one in which it
 * comes and the one in which it is stored.
 */
const DEFAULT_SHARE_MS = 0.2;

/**
 * The share of each turn of the event loop in which handshakes and openings begin. What comes in a turn whose share is used up begins in
 * a later one. So a thousand clients that return at once delay those that talk by little more than this share (MX6).
 */
export class TurnShare {
  private endsAt: number | undefined;
  private readonly forget = () => {
    this.endsAt = undefined;
  };

  /** `now` returns milliseconds of a clock that only goes forward. */
  constructor(
    private readonly shareMs = DEFAULT_SHARE_MS,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Whether the share of this turn is used up. It begins with the first call in a turn, so each turn does some work. The two parts of
   * a turn, events of sockets and callbacks of setImmediate, have a share each.
   */
  get isSpent(): boolean {
    const now = this.now();
    if (this.endsAt === undefined) {
      this.endsAt = now + this.shareMs;
      setImmediate(this.forget);
    }
    return now >= this.endsAt;
  }

  /** Runs `work` in the next turn whose share is not used up yet, in the order of the calls. */
  later(work: () => void): void {
    setImmediate(() => {
      if (this.isSpent) this.later(work);
      else work();
    });
  }
}
