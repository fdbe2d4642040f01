import { type KeptChange, RecentChanges } from "./recent-changes.ts";
import { ReplayBuffer } from "./replay-buffer.ts";

/** How long the frames are kept after the last one was added, in milliseconds. A client that is away longer is sent pages from the store. */
const TTL_MS = 60_000;

/** The frames of a room's newest messages and changes, for members that become live. */
export class RecentFrames {
  private messages: ReplayBuffer | undefined;
  private changes: RecentChanges | undefined;
  private usedAt = 0;

  /** Adds the frame of the message `seq`, which follows the message `newest`. */
  addMessage(newest: number, seq: number, frame: string, now: number): void {
    this.messages ??= new ReplayBuffer(newest);
    this.messages.add(seq, frame);
    this.usedAt = now;
  }

  /** Adds a change, which follows the change `newest`. */
  addChange(newest: number, change: KeptChange, now: number): void {
    this.changes ??= new RecentChanges(newest);
    this.changes.add(change);
    this.usedAt = now;
  }

  /** Adds the frames of messages up to `last`, which were read from the store; `newest` is the room's newest message. */
  addRead(newest: number, last: number, frames: readonly string[], now: number): void {
    this.messages ??= new ReplayBuffer(newest);
    this.messages.prepend(last, frames);
    this.usedAt = now;
  }

  /** Puts the frame of a changed message in the place of the one that is kept, if it is (CH1). */
  replace(seq: number, frame: string): void {
    this.messages?.replace(seq, frame);
  }

  /** Returns the frames of the messages after `seq`; undefined when some of them are not kept. */
  messagesAfter(seq: number): readonly string[] | undefined {
    return this.messages?.after(seq);
  }

  /** Returns the changes after `rev`; undefined when some of them are not kept. */
  changesAfter(rev: number): readonly KeptChange[] | undefined {
    return this.changes?.after(rev);
  }

  /** Forgets the changes, because later ones were missed: members that catch up read them from the store. */
  forgetChanges(): void {
    this.changes = undefined;
  }

  /** Whether the frames have been kept long enough. */
  isExpired(now: number): boolean {
    return now >= this.usedAt + TTL_MS;
  }
}
