import type { RoomMember } from "./room-member.ts";

/** Gives a frame to every socket that is tuned in to `topic`. */
export type Publish = (topic: string, frame: string) => void;

/** Connections from which a broadcast is worth what it keeps for each of them (about 200 bytes). */
export const MIN_PUBSUB_LISTENERS = 4;

/** How long after their last message users count as speakers, in milliseconds. */
const SENDER_TTL_MS = 10_000;

/** Bytes (as UTF-16 units) broadcast between two looks at what is unsent. Small beside the limit of one socket, 1 MiB. */
const CHECK_INTERVAL_LENGTH = 64 * 1024;

/**
 * The connections of a room that only listen. The runtime copies a frame to all of them by itself, at a third of what
 * it costs to give it to each.
 *
 * What is broadcast and what a connection is given of its own may come in another order than they were given, so those
 * whose acks must stand between the messages, the speakers, are not here (the acks and messages of a connection come in
 * the order of `seq`), nor is anybody with frames that are still to be sent.
 */
export class Broadcast {
  private readonly subscribed = new Set<RoomMember>();
  private readonly senders = new Map<string, number>();
  private uncheckedLength = 0;

  constructor(
    private readonly topic: string,
    private readonly publish: Publish,
  ) {}

  /** How many listen. */
  get size(): number {
    return this.subscribed.size;
  }

  get members(): Iterable<RoomMember> {
    return this.subscribed;
  }

  /** Notes that `user` speaks. Answers the connections that are to be told on their own from now on. */
  recordSender(user: string, now: number): readonly RoomMember[] {
    const known = this.senders.has(user);
    this.senders.set(user, now);
    if (known) return NO_LISTENERS;
    const own: RoomMember[] = [];
    for (const member of this.subscribed) if (member.user === user) own.push(member);
    for (const member of own) this.unsubscribe(member);
    return own;
  }

  /** Has those of `members` hear the broadcast who can; answers the others. */
  subscribe(members: RoomMember[]): RoomMember[] {
    if (!members.some((member) => this.canSubscribe(member))) return members;
    return members.filter((member) => {
      if (!this.canSubscribe(member)) return true;
      member.subscribe(this.topic);
      this.subscribed.add(member);
      return false;
    });
  }

  /** Gives a frame to all of them. */
  publishFrame(frame: string): void {
    if (this.subscribed.size === 0) return;
    this.publish(this.topic, frame);
    this.uncheckedLength += frame.length;
    if (this.uncheckedLength < CHECK_INTERVAL_LENGTH) return;
    this.uncheckedLength = 0;
    // A copy: who cannot keep up is closed, and leaves.
    for (const member of [...this.subscribed]) member.checkBackpressure();
  }

  /** Takes a connection out; answers whether it was there. */
  unsubscribe(member: RoomMember): boolean {
    if (!this.subscribed.delete(member)) return false;
    member.unsubscribe(this.topic);
    return true;
  }

  /** Forgets who spoke long ago; they may listen again. */
  forgetSenders(now: number): void {
    for (const [user, at] of this.senders) if (now >= at + SENDER_TTL_MS) this.senders.delete(user);
  }

  private canSubscribe(member: RoomMember): boolean {
    return member.canSubscribe && !this.senders.has(member.user);
  }
}

const NO_LISTENERS: readonly RoomMember[] = [];
