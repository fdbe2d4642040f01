/** Frames kept for those who come back after a moment; and no more than this many bytes of them, as UTF-16 units. */
const FRAMES = 64;
const SIZE = 128 * 1024;

/** A conversation's newest messages as encoded frames, so that a short absence costs no look into the store. */
export class Ring {
  private readonly frames: string[] = [];
  private size = 0;
  private newest = 0;

  /** Adds the frame of the message `seq`, which follows the one before it. */
  add(seq: number, frame: string): void {
    this.frames.push(frame);
    this.size += frame.length;
    this.newest = seq;
    while (this.frames.length > FRAMES || this.size > SIZE) this.size -= this.frames.shift()!.length;
  }

  /** The frames after `seq`, in order; undefined when the ring does not reach back that far. */
  after(seq: number): readonly string[] | undefined {
    const missing = this.newest - seq;
    return missing > this.frames.length ? undefined : this.frames.slice(this.frames.length - missing);
  }
}
