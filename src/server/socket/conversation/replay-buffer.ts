/** Frames kept for those who come back after a moment; and no more than this many bytes of them, as UTF-16 units. */
const MAX_FRAMES = 64;
const MAX_LENGTH = 128 * 1024;

/** Frames beyond that, or given up because of their size, which stay at the head of the list until it is cut. */
const COMPACT_FROM = 64;

/** A conversation's newest messages as encoded frames, so that a short absence costs no look into the store. */
export class ReplayBuffer {
  /** Those before `head` are given up. To take one off the front of a list costs as much as all that follow it. */
  private frames: string[] = [];
  private head = 0;
  private size = 0;

  /** `newest` is the `seq` of the last message so far; its frame is not here yet. */
  constructor(private newest: number) {}

  /** Adds the frame of the message `seq`, which follows the one before it. */
  add(seq: number, frame: string): void {
    this.frames.push(frame);
    this.size += frame.length;
    this.newest = seq;
    this.trim();
  }

  /** Adds the frames of messages up to `last`, in order, where they end right before the oldest that is here. */
  prepend(last: number, frames: readonly string[]): void {
    if (last !== this.newest - this.length) return;
    this.frames = [...frames, ...this.frames.slice(this.head)];
    this.head = 0;
    for (const frame of frames) this.size += frame.length;
    this.trim();
  }

  /** The frames after `seq`, in order; undefined when the ring does not reach back that far. */
  after(seq: number): readonly string[] | undefined {
    const missing = this.newest - seq;
    return missing > this.length ? undefined : this.frames.slice(this.frames.length - missing);
  }

  private get length(): number {
    return this.frames.length - this.head;
  }

  private trim(): void {
    while (this.length > MAX_FRAMES || this.size > MAX_LENGTH) {
      this.size -= this.frames[this.head]!.length;
      this.frames[this.head++] = "";
    }
    if (this.head < COMPACT_FROM) return;
    this.frames.splice(0, this.head);
    this.head = 0;
  }
}
