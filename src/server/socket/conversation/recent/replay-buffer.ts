/** The most frames that are kept for clients that reconnect soon, and their most UTF-16 units. */
const MAX_FRAMES = 64;
const MAX_LENGTH = 128 * 1024;

/** The number of dropped frames at the head of the list from which on the list is compacted. */
const COMPACT_FROM = 64;

/** A conversation's newest messages as encoded frames, so that catching up after a short absence needs no read of the store. */
export class ReplayBuffer {
  /** The frames before `head` are dropped. Removing each at once from the front would move all frames after it. */
  private frames: string[] = [];
  /** The lengths of the frames. To drop an old frame must not read the string, which is no longer in the processor's cache. */
  private lengths: number[] = [];
  private head = 0;
  private size = 0;

  /** `newest` is the `seq` of the newest message so far, whose frame is not in the buffer. */
  constructor(private newest: number) {}

  /** Adds the frame of the message `seq`, which MUST follow the newest one. */
  add(seq: number, frame: string): void {
    this.frames.push(frame);
    this.lengths.push(frame.length);
    this.size += frame.length;
    this.newest = seq;
    this.trim();
  }

  /** Puts the frame of a message as it is now in the place of the one in the buffer, if it is there (CH1). */
  replace(seq: number, frame: string): void {
    const index = this.frames.length - 1 - (this.newest - seq);
    if (index < this.head || seq > this.newest) return;
    this.size += frame.length - this.lengths[index]!;
    this.frames[index] = frame;
    this.lengths[index] = frame.length;
    this.trim();
  }

  /** Adds the frames of messages up to `last`, in order, if the oldest frame in the buffer directly follows `last`. */
  prepend(last: number, frames: readonly string[]): void {
    if (last !== this.newest - this.length) return;
    this.frames = [...frames, ...this.frames.slice(this.head)];
    const added = frames.map((frame) => frame.length);
    this.lengths = [...added, ...this.lengths.slice(this.head)];
    this.head = 0;
    for (const length of added) this.size += length;
    this.trim();
  }

  /** Returns the frames after `seq`, in order; undefined when the buffer does not contain all of them. */
  after(seq: number): readonly string[] | undefined {
    const missing = this.newest - seq;
    return missing > this.length ? undefined : this.frames.slice(this.frames.length - missing);
  }

  private get length(): number {
    return this.frames.length - this.head;
  }

  private trim(): void {
    while (this.length > MAX_FRAMES || this.size > MAX_LENGTH) {
      this.size -= this.lengths[this.head]!;
      this.frames[this.head++] = "";
    }
    if (this.head < COMPACT_FROM) return;
    this.frames.splice(0, this.head);
    this.lengths.splice(0, this.head);
    this.head = 0;
  }
}
