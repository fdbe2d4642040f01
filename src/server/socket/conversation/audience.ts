import { Broadcast, MIN_PUBSUB_LISTENERS, type Publish } from "./broadcast.ts";
import type { RoomMember } from "./room-member.ts";

/** The live members of a room that get the same encoded frames. */
export class Audience {
  /** Members to which each message is delivered one by one. */
  private live: RoomMember[] = [];
  /** Members that get each message by a publish; created when there are enough of them. */
  private broadcast: Broadcast | undefined;

  /** `isNamed`: its members share their line with other conversations, so those with a backlog get frames one by one. */
  constructor(
    private readonly topic: string,
    private readonly isNamed: boolean,
  ) {}

  get size(): number {
    return this.live.length + (this.broadcast?.size ?? 0);
  }

  members(): RoomMember[] {
    return this.broadcast === undefined ? this.live : [...this.live, ...this.broadcast.members];
  }

  add(member: RoomMember): void {
    this.live.push(member);
  }

  /** Removes a member; returns whether it was there. */
  remove(member: RoomMember): boolean {
    return removeFrom(this.live, member) || (this.broadcast?.unsubscribe(member) ?? false);
  }

  /** These members get each message one by one, until they can subscribe again. */
  leaveTopic(members: readonly RoomMember[]): void {
    for (const member of members) if (this.broadcast?.unsubscribe(member)) this.live.push(member);
  }

  /** Delivers the frame of a message or change of `user` to all members, in one order with the answers to that user. */
  publish(user: string | undefined, frame: string, now: number, publish: Publish): void {
    if (this.live.length >= MIN_PUBSUB_LISTENERS) this.broadcast ??= new Broadcast(this.topic, publish);
    const backlogged =
      this.broadcast === undefined ? NO_MEMBERS : this.publishToTopic(this.broadcast, user, frame, now);
    for (const member of this.live) member.deliver(frame);
    if (backlogged.length > 0) this.live.push(...backlogged);
  }

  /** Forgets senders who have not sent for long: their members can get messages by a publish again. */
  forgetSenders(now: number): void {
    this.broadcast?.forgetSenders(now);
  }

  private publishToTopic(
    broadcast: Broadcast,
    user: string | undefined,
    frame: string,
    now: number,
  ): readonly RoomMember[] {
    const speaking = user === undefined ? NO_MEMBERS : broadcast.recordSender(user, now);
    this.live = broadcast.subscribe(this.live);
    this.live.push(...speaking);
    broadcast.publishFrame(frame);
    // They have this frame, so they are added after it was delivered to the others.
    return this.isNamed ? broadcast.takeBacklogged() : NO_MEMBERS;
  }
}

const NO_MEMBERS: readonly RoomMember[] = [];

/** Removes `item` from `list` without keeping the order of the list; returns whether it was in it. */
export function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  const last = list.pop()!;
  if (last !== item) list[index] = last;
  return true;
}
