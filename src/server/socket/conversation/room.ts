import { mergeMembers, Roster, withReadMarks } from "../../../core/conversation/presence.ts";
import { TypingTracker } from "../../../core/conversation/typing.ts";
import type { Subscription } from "../../../core/ports/message-log.ts";
import type { RelayRoom } from "../../../core/ports/relay.ts";
import type { PresentUser } from "../../../protocol/server-frames.ts";
import { Broadcast, MIN_PUBSUB_LISTENERS, type Publish } from "./broadcast.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import type { RoomMember } from "./room-member.ts";

/** How long a ring is kept after it was last added to, in milliseconds: who stays away longer asks the store. */
const REPLAY_TTL_MS = 60_000;

/**
 * A conversation that somebody on this node listens to. What few rooms need is made when it is needed, and arrays stand
 * where sets could: most rooms are small, and there are many.
 */
export class Room {
  /** Connections that hear every message, each told on its own. */
  private live: RoomMember[] = [];
  /** Those that hear it together; made when there is something to say to many. */
  private broadcast: Broadcast | undefined;
  /** Connections that are being sent what they missed; they hear of everything but messages. */
  private behind: RoomMember[] | undefined;
  readonly roster: Roster;
  /** The engine's answer; a promise until the room is open. */
  subscription: Subscription | Promise<void>;
  /** The conversation as nodes share it; undefined until the room is open. */
  relay: RelayRoom | undefined;
  /** Connections that wait to join; the room is not given up while there are any. */
  reservations = 0;
  seq = 0;
  /** How often another epoch has begun since the room was made. */
  losses = 0;
  /** Empty until the room is open. */
  epoch = "";
  private readMarks: ReadonlyMap<string, number> | undefined;
  /** Marks that other nodes told of before all were read. */
  private bufferedReadMarks: Map<string, number> | undefined;
  private replayBuffer: ReplayBuffer | undefined;
  private replayUsedAt = 0;
  private typingTracker: TypingTracker | undefined;

  constructor(
    readonly conversation: string,
    opening: Promise<void>,
    grace: number,
    private readonly publish: Publish,
  ) {
    this.subscription = opening;
    this.roster = new Roster(grace);
  }

  /** How many connections hear every message. */
  get liveCount(): number {
    return this.live.length + (this.broadcast?.size ?? 0);
  }

  get isEmpty(): boolean {
    if (this.liveCount > 0 || this.behind !== undefined || this.reservations > 0) return false;
    // Other nodes are still to hear who has left.
    return !(this.relay?.isShared === true && this.roster.hasPending);
  }

  /** Whether a user is there through another node. */
  isRemote(user: string): boolean {
    return this.relay?.remoteMembers().has(user) ?? false;
  }

  /** Whether anybody types, or did a moment ago. */
  get hasTypists(): boolean {
    return this.typingTracker !== undefined;
  }

  /** Whether `settle` has something to look after. */
  get hasPending(): boolean {
    return this.roster.hasPending || this.typingTracker !== undefined || this.replayBuffer !== undefined;
  }

  /** Takes note of a message of `user` and gives its frame to all who are up to date. */
  publishMessage(seq: number, user: string, frame: string, now: number): void {
    this.replayBuffer ??= new ReplayBuffer(this.seq);
    this.seq = seq;
    this.replayUsedAt = now;
    this.replayBuffer.add(seq, frame);
    if (this.live.length >= MIN_PUBSUB_LISTENERS)
      this.broadcast ??= new Broadcast(this.conversation, this.publish);
    if (this.broadcast !== undefined) this.publishToTopic(this.broadcast, user, frame, now);
    for (const member of this.live) member.deliver(frame);
  }

  private publishToTopic(broadcast: Broadcast, user: string, frame: string, now: number): void {
    const speaking = broadcast.recordSender(user, now);
    this.live = broadcast.subscribe(this.live);
    this.live.push(...speaking);
    broadcast.publishFrame(frame);
  }

  /** Takes note of frames that were read from the store, up to the message `last`: who comes back next wants them, too. */
  cacheFrames(last: number, frames: readonly string[], now: number): void {
    this.replayBuffer ??= new ReplayBuffer(this.seq);
    this.replayBuffer.prepend(last, frames);
    this.replayUsedAt = now;
  }

  /** The frames after `seq`, as far as they are here; undefined when the store must be asked. */
  framesAfter(seq: number): readonly string[] | undefined {
    return seq === this.seq ? [] : this.replayBuffer?.after(seq);
  }

  /** Gives a frame that is no message to everybody whom `isFor` does not leave out. */
  publishEvent(frame: string, isFor: (member: RoomMember) => boolean = () => true): void {
    for (const member of this.allMembers()) if (isFor(member)) member.deliver(frame);
  }

  /** Has a connection hear every message from now on. */
  addLive(member: RoomMember): void {
    this.removeBehind(member);
    this.live.push(member);
  }

  /** Has a connection hear of everything but messages, until it has caught up. */
  addBehind(member: RoomMember): void {
    this.behind ??= [];
    this.behind.push(member);
  }

  /** Takes a connection out; answers whether it was there. */
  remove(member: RoomMember): boolean {
    return removeFrom(this.live, member) || this.broadcast?.unsubscribe(member) || this.removeBehind(member);
  }

  setTyping(user: string, active: boolean, now: number): void {
    if (this.typingTracker === undefined && !active) return;
    this.typingTracker ??= new TypingTracker();
    this.typingTracker.set(user, active, now);
  }

  /** As `setTyping`, for a user of this node; answers whether the other nodes should hear it. */
  recordTyping(user: string, active: boolean, now: number): boolean {
    if (this.typingTracker === undefined && !active) return false;
    this.typingTracker ??= new TypingTracker();
    return this.typingTracker.recordOwn(user, active, now);
  }

  /** What has changed by `now` in who types. */
  takeTypingChanges(now: number): readonly { user: string; active: boolean }[] {
    const changes = this.typingTracker?.takeChanges(now) ?? [];
    if (this.typingTracker?.hasTypists === false) this.typingTracker = undefined;
    return changes;
  }

  /** Gives up frames that nobody is likely to come back for, and who spoke long ago. */
  forget(now: number): void {
    if (now >= this.replayUsedAt + REPLAY_TTL_MS) this.replayBuffer = undefined;
    this.broadcast?.forgetSenders(now);
  }

  /** Another epoch begins; messages to come follow `seq`. Answers the connections that were shown what is gone. */
  restart(seq: number, epoch: string): RoomMember[] {
    this.seq = seq;
    this.epoch = epoch;
    this.losses++;
    this.replayBuffer = undefined;
    this.readMarks = undefined;
    this.bufferedReadMarks = undefined;
    return this.allMembers();
  }

  /** Forgets who is there, and who types. Answers the users who were. */
  clearRoster(): string[] {
    this.typingTracker = undefined;
    return this.roster.clear();
  }

  /** The users present over all nodes, each with its read mark. `stepped`: how far the machine's clock was set since the start. */
  present(clockOffset: number): PresentUser[] {
    const local = this.roster.list().map((one) => ({ ...one, since: one.since + clockOffset }));
    const present = this.relay === undefined ? local : mergeMembers(local, this.relay.remoteMembers());
    return withReadMarks(present, this.readMarks ?? NO_READ_MARKS);
  }

  /** Takes over the read marks as they are kept. */
  async loadReadMarks(read: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    if (this.readMarks !== undefined) return;
    const marks = await read();
    this.readMarks ??= marks.size === 0 ? NO_READ_MARKS : marks;
    const early = this.bufferedReadMarks ?? NO_READ_MARKS;
    this.bufferedReadMarks = undefined;
    for (const [user, seq] of early) this.setReadMark(user, seq);
  }

  /** Moves a user's read mark forward; answers whether it stood before `seq`. */
  setReadMark(user: string, seq: number): boolean {
    if (this.readMarks === undefined) {
      this.bufferedReadMarks ??= new Map();
      this.bufferedReadMarks.set(user, Math.max(seq, this.bufferedReadMarks.get(user) ?? 0));
      return true;
    }
    if ((this.readMarks.get(user) ?? 0) >= seq) return false;
    this.readMarks = new Map(this.readMarks).set(user, seq);
    return true;
  }

  private allMembers(): RoomMember[] {
    return [...this.live, ...(this.broadcast?.members ?? []), ...(this.behind ?? [])];
  }

  private removeBehind(member: RoomMember): boolean {
    if (this.behind === undefined || !removeFrom(this.behind, member)) return false;
    if (this.behind.length === 0) this.behind = undefined;
    return true;
  }
}

// One for all rooms in which nobody has read anything.
const NO_READ_MARKS: ReadonlyMap<string, number> = new Map();

/** Takes `item` out of `list`, whose order does not count; answers whether it was there. */
function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  const last = list.pop()!;
  if (last !== item) list[index] = last;
  return true;
}
