/** Frames kept for those who come back after a moment; and no more than this many bytes of them, as UTF-16 units. */
const FRAMES = 64;
const SIZE = 128 * 1024;

/** A conversation's newest messages as encoded frames, so that a short absence costs no look into the store. */
export class Ring {
  private frames: string[] = [];
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
  reachBack(last: number, frames: readonly string[]): void {
    if (last !== this.newest - this.frames.length) return;
    this.frames = [...frames, ...this.frames];
    for (const frame of frames) this.size += frame.length;
    this.trim();
  }

  /** The frames after `seq`, in order; undefined when the ring does not reach back that far. */
  after(seq: number): readonly string[] | undefined {
    const missing = this.newest - seq;
    return missing > this.frames.length ? undefined : this.frames.slice(this.frames.length - missing);
  }

  private trim(): void {
    while (this.frames.length > FRAMES || this.size > SIZE) this.size -= this.frames.shift()!.length;
  }
}
