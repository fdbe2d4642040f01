/** The most frames that are kept for members that catch up, and their most UTF-16 units. */
const MAX_FRAMES = 64;
const MAX_LENGTH = 128 * 1024;

/** A change whose frame is kept. */
export interface KeptChange {
  readonly rev: number;
  /** The encoded `change` frame. */
  readonly frame: string;
  /** The user whose own reactions it changes; undefined where it changes none. */
  readonly reactor: string | undefined;
}

/** A room's newest changes, for members that become live: the changes since a `rev` without a read of the store. */
export class RecentChanges {
  private kept: KeptChange[] = [];
  private length = 0;

  /** `before` is the newest change before those that are kept. */
  constructor(private before: number) {}

  /** Adds a change, which MUST follow the newest one. */
  add(change: KeptChange): void {
    this.kept.push(change);
    this.length += change.frame.length;
    while (this.kept.length > MAX_FRAMES || this.length > MAX_LENGTH) {
      const oldest = this.kept.shift()!;
      this.length -= oldest.frame.length;
      this.before = oldest.rev;
    }
  }

  /** Returns the changes after `rev`, in order; undefined when some of them are not kept. */
  after(rev: number): readonly KeptChange[] | undefined {
    return rev < this.before ? undefined : this.kept.filter((change) => change.rev > rev);
  }
}
