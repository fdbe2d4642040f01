import type { RoomMember } from "./room-member.ts";

/** Sends a frame to every socket that is subscribed to `topic`. */
export type Publish = (topic: string, frame: string) => void;

/** From this number of live members on, a broadcast saves more than it costs (about 200 bytes for each member). */
export const MIN_PUBSUB_LISTENERS = 4;

/** How long after their last message users count as senders, in milliseconds. */
const SENDER_TTL_MS = 10_000;

/** UTF-16 units that are published between two checks of the unsent bytes. Small compared with the limit of one socket, 1 MiB. */
const CHECK_INTERVAL_LENGTH = 64 * 1024;

/**
 * The members of a room that only receive. The runtime itself copies a published frame to all of them, which costs a third
 * of delivering it to each.
 *
 * A published frame can overtake a frame that was delivered to one connection. The acks and messages of a connection must
 * be sent in the order of `seq`, so users who have sent a message lately are not in the broadcast. Nor is a member with
 * frames that are still to be sent.
 */
export class Broadcast {
  private readonly subscribed = new Set<RoomMember>();
  private readonly senders = new Map<string, number>();
  private uncheckedLength = 0;

  constructor(
    private readonly topic: string,
    private readonly publish: Publish,
  ) {}

  /** The number of subscribed members. */
  get size(): number {
    return this.subscribed.size;
  }

  get members(): Iterable<RoomMember> {
    return this.subscribed;
  }

  /** Notes that `user` has sent a message. Returns the user's members, unsubscribed: they get frames one by one from now on. */
  recordSender(user: string, now: number): readonly RoomMember[] {
    const known = this.senders.has(user);
    this.senders.set(user, now);
    if (known) return NO_LISTENERS;
    const own: RoomMember[] = [];
    for (const member of this.subscribed) if (member.user === user) own.push(member);
    for (const member of own) this.unsubscribe(member);
    return own;
  }

  /** Subscribes those of `members` that can be; returns the others. */
  subscribe(members: RoomMember[]): RoomMember[] {
    if (!members.some((member) => this.canSubscribe(member))) return members;
    return members.filter((member) => {
      if (!this.canSubscribe(member)) return true;
      member.subscribe(this.topic);
      this.subscribed.add(member);
      return false;
    });
  }

  /** Publishes a frame to all subscribed members. */
  publishFrame(frame: string): void {
    if (this.subscribed.size === 0) return;
    this.publish(this.topic, frame);
    this.uncheckedLength += frame.length;
    if (this.uncheckedLength < CHECK_INTERVAL_LENGTH) return;
    this.uncheckedLength = 0;
    // A copy: a member that does not read fast enough is closed here, which removes it.
    for (const member of [...this.subscribed]) member.checkBackpressure();
  }

  /** Unsubscribes the members that have a backlog, and returns them: they get frames one by one from now on (MX4). */
  takeBacklogged(): readonly RoomMember[] {
    let taken: RoomMember[] | undefined;
    for (const member of this.subscribed) {
      if (!member.hasBacklog) continue;
      taken ??= [];
      taken.push(member);
    }
    for (const member of taken ?? NO_LISTENERS) this.unsubscribe(member);
    return taken ?? NO_LISTENERS;
  }

  /** Removes a member; returns whether it was subscribed. */
  unsubscribe(member: RoomMember): boolean {
    if (!this.subscribed.delete(member)) return false;
    member.unsubscribe(this.topic);
    return true;
  }

  /** Forgets users who have not sent for SENDER_TTL_MS; their members can be subscribed again. */
  forgetSenders(now: number): void {
    for (const [user, at] of this.senders) if (now >= at + SENDER_TTL_MS) this.senders.delete(user);
  }

  private canSubscribe(member: RoomMember): boolean {
    return member.canSubscribe && !this.senders.has(member.user);
  }
}

const NO_LISTENERS: readonly RoomMember[] = [];
