/**
 * In milliseconds. One opening takes about 0.15 ms, and a message waits for at most two turns before its ack: the one in which it
 * comes and the one in which it is stored.
 */
const TALKING_SHARE_MS = 0.2;

/** The share where nobody talks. The first message after a silence waits for at most two of it. */
const SILENT_SHARE_MS = 5;

/** So long after a message the node counts as one on which users talk, in milliseconds. */
const TALKING_MS = 1_000;

export interface TurnShareOptions {
  /** Returns a number that grows with each message that is delivered on this node. */
  readonly delivered: () => number;
  /** Returns milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/**
 * The share of each turn of the event loop in which handshakes and openings begin. What comes in a turn whose share is used up begins in
 * a later one. So a thousand clients that return at once delay those that talk by little more than this share (MX6). More turns cost
 * more, so the share is larger while nobody talks.
 */
export class TurnShare {
  private endsAt: number | undefined;
  private delivered = 0;
  private talkingUntil = Number.NEGATIVE_INFINITY;
  private readonly now: () => number;
  private readonly forget = () => {
    this.endsAt = undefined;
  };

  constructor(private readonly options: TurnShareOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /**
   * Whether work may begin in this turn. The first call in a turn begins the share, so each turn does some work. The two parts of
   * a turn, events of sockets and callbacks of setImmediate, have a share each.
   */
  mayBegin(): boolean {
    const now = this.now();
    if (this.endsAt === undefined) {
      this.endsAt = now + this.shareMs(now);
      setImmediate(this.forget);
    }
    return now < this.endsAt;
  }

  /** Runs `work` in the next turn whose share is not used up yet, in the order of the calls. */
  later(work: () => void): void {
    setImmediate(() => {
      if (this.mayBegin()) work();
      else this.later(work);
    });
  }

  private shareMs(now: number): number {
    const delivered = this.options.delivered();
    if (delivered !== this.delivered) {
      this.delivered = delivered;
      this.talkingUntil = now + TALKING_MS;
    }
    return now < this.talkingUntil ? TALKING_SHARE_MS : SILENT_SHARE_MS;
  }
}
