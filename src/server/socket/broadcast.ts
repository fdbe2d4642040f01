import type { Listener } from "./room.ts";

/** Gives a frame to every socket that is tuned in to `topic`. */
export type Publish = (topic: string, frame: string) => void;

/** Connections from which a broadcast is worth what it keeps for each of them (about 200 bytes). */
export const BROADCAST_FROM = 4;

/** How long after their last message users count as speakers, in milliseconds. */
const SPEAKER_KEPT = 10_000;

/** Bytes (as UTF-16 units) broadcast between two looks at what is unsent. Small beside the limit of one socket, 1 MiB. */
const LOOK_EVERY = 64 * 1024;

/**
 * The connections of a room that only listen. The runtime copies a frame to all of them by itself, at a third of what
 * it costs to give it to each.
 *
 * What is broadcast and what a connection is given of its own may come in another order than they were given, so those
 * whose acks must stand between the messages, the speakers, are not here (the acks and messages of a connection come in
 * the order of `seq`), nor is anybody with frames that are still to be sent.
 */
export class Broadcast {
  private readonly tuned = new Set<Listener>();
  private readonly speakers = new Map<string, number>();
  private unlooked = 0;

  constructor(
    private readonly topic: string,
    private readonly publish: Publish,
  ) {}

  /** How many listen. */
  get size(): number {
    return this.tuned.size;
  }

  get listeners(): Iterable<Listener> {
    return this.tuned;
  }

  /** Notes that `user` speaks. Answers the connections that are to be told on their own from now on. */
  speaks(user: string, now: number): readonly Listener[] {
    const known = this.speakers.has(user);
    this.speakers.set(user, now);
    if (known) return NOBODY;
    const speaking: Listener[] = [];
    for (const listener of this.tuned) if (listener.user === user) speaking.push(listener);
    for (const listener of speaking) this.take(listener);
    return speaking;
  }

  /** Has those of `listeners` hear the broadcast who can; answers the others. */
  tuneIn(listeners: Listener[]): Listener[] {
    if (!listeners.some((listener) => this.mayListen(listener))) return listeners;
    return listeners.filter((listener) => {
      if (!this.mayListen(listener)) return true;
      listener.tuneIn(this.topic);
      this.tuned.add(listener);
      return false;
    });
  }

  /** Gives a frame to all of them. */
  send(frame: string): void {
    if (this.tuned.size === 0) return;
    this.publish(this.topic, frame);
    this.unlooked += frame.length;
    if (this.unlooked < LOOK_EVERY) return;
    this.unlooked = 0;
    // A copy: who cannot keep up is closed, and leaves.
    for (const listener of [...this.tuned]) listener.lookAtUnsent();
  }

  /** Takes a connection out; answers whether it was there. */
  take(listener: Listener): boolean {
    if (!this.tuned.delete(listener)) return false;
    listener.tuneOut(this.topic);
    return true;
  }

  /** Forgets who spoke long ago; they may listen again. */
  forgetSpeakers(now: number): void {
    for (const [user, at] of this.speakers) if (now >= at + SPEAKER_KEPT) this.speakers.delete(user);
  }

  private mayListen(listener: Listener): boolean {
    return listener.canTuneIn && !this.speakers.has(listener.user);
  }
}

const NOBODY: readonly Listener[] = [];
