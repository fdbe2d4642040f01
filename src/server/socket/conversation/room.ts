import { mergeMembers, Roster, withReadMarks } from "../../../core/conversation/presence.ts";
import { TypingTracker } from "../../../core/conversation/typing.ts";
import type { Subscription } from "../../../core/ports/message-log.ts";
import type { RelayRoom } from "../../../core/ports/relay.ts";
import type { PresentUser } from "../../../protocol/server-frames.ts";
import { Broadcast, MIN_PUBSUB_LISTENERS, type Publish } from "./broadcast.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import type { RoomMember } from "./room-member.ts";

/** How long a replay buffer is kept after its last frame, in milliseconds. A client that is away longer is sent pages from the store. */
const REPLAY_TTL_MS = 60_000;

/**
 * A conversation with connections on this node. Most rooms are small and there are many, so a room creates rarely needed
 * parts on demand and uses arrays instead of sets.
 */
export class Room {
  /** Live members to which each message is delivered one by one. */
  private live: RoomMember[] = [];
  /** Live members that get each message by a publish; created when there are enough of them. */
  private broadcast: Broadcast | undefined;
  /** Members that are catching up. They get all frames except new messages. */
  private behind: RoomMember[] | undefined;
  readonly roster: Roster;
  /** The engine's subscription; a promise until the room is open. */
  subscription: Subscription | Promise<void>;
  /** The conversation's link to the other nodes; undefined until the room is open. */
  relay: RelayRoom | undefined;
  /** Members that wait to join. The room stays open while there are any. */
  reservations = 0;
  seq = 0;
  /** How often the epoch has changed since the room was created. */
  losses = 0;
  /** Empty until the room is open. */
  epoch = "";
  private readMarks: ReadonlyMap<string, number> | undefined;
  /** Read marks from other nodes that arrived before the stored ones were read. */
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

  /** The number of live members. */
  get liveCount(): number {
    return this.live.length + (this.broadcast?.size ?? 0);
  }

  get isEmpty(): boolean {
    if (this.liveCount > 0 || this.behind !== undefined || this.reservations > 0) return false;
    // The other nodes must still be notified of users whose grace is running.
    return !(this.relay?.isShared === true && this.roster.hasPending);
  }

  /** Returns whether a user is present on another node. */
  isRemote(user: string): boolean {
    return this.relay?.remoteMembers().has(user) ?? false;
  }

  /** Whether a user types, or did a moment ago. */
  get hasTypists(): boolean {
    return this.typingTracker !== undefined;
  }

  /** Whether time alone may change something in this room. */
  get hasPending(): boolean {
    return this.roster.hasPending || this.typingTracker !== undefined || this.replayBuffer !== undefined;
  }

  /** Keeps the frame of a message from `user` for replay, and delivers it to all live members. */
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

  /** Keeps frames that were read from the store, up to the message `last`: the next client that catches up may need them. */
  cacheFrames(last: number, frames: readonly string[], now: number): void {
    this.replayBuffer ??= new ReplayBuffer(this.seq);
    this.replayBuffer.prepend(last, frames);
    this.replayUsedAt = now;
  }

  /** Returns the frames after `seq`; undefined when the replay buffer lacks some and they must be read from the store. */
  framesAfter(seq: number): readonly string[] | undefined {
    return seq === this.seq ? [] : this.replayBuffer?.after(seq);
  }

  /** Delivers a frame that is not a message to all members for which `isFor` returns true. */
  publishEvent(frame: string, isFor: (member: RoomMember) => boolean = () => true): void {
    for (const member of this.allMembers()) if (isFor(member)) member.deliver(frame);
  }

  /** Makes a member live: it gets every message from now on. */
  addLive(member: RoomMember): void {
    this.removeBehind(member);
    this.live.push(member);
  }

  /** Adds a member that is catching up. It gets all frames except new messages, until `addLive`. */
  addBehind(member: RoomMember): void {
    this.behind ??= [];
    this.behind.push(member);
  }

  /** Removes a member; returns whether it was in the room. */
  remove(member: RoomMember): boolean {
    return removeFrom(this.live, member) || this.broadcast?.unsubscribe(member) || this.removeBehind(member);
  }

  setTyping(user: string, active: boolean, now: number): void {
    if (this.typingTracker === undefined && !active) return;
    this.typingTracker ??= new TypingTracker();
    this.typingTracker.set(user, active, now);
  }

  /** As `setTyping`, for a user of this node; returns whether the other nodes must be notified. */
  recordTyping(user: string, active: boolean, now: number): boolean {
    if (this.typingTracker === undefined && !active) return false;
    this.typingTracker ??= new TypingTracker();
    return this.typingTracker.recordOwn(user, active, now);
  }

  /** Returns the users who began or stopped typing since the last call. */
  takeTypingChanges(now: number): readonly { user: string; active: boolean }[] {
    const changes = this.typingTracker?.takeChanges(now) ?? [];
    if (this.typingTracker?.hasTypists === false) this.typingTracker = undefined;
    return changes;
  }

  /** Drops the replay buffer when it was not used for REPLAY_TTL_MS, and senders who have not sent for long. */
  forget(now: number): void {
    if (now >= this.replayUsedAt + REPLAY_TTL_MS) this.replayBuffer = undefined;
    this.broadcast?.forgetSenders(now);
  }

  /** Begins another epoch, in which the next message follows `seq`. Returns all members: they may have messages that are gone. */
  restart(seq: number, epoch: string): RoomMember[] {
    this.seq = seq;
    this.epoch = epoch;
    this.losses++;
    this.replayBuffer = undefined;
    this.readMarks = undefined;
    this.bufferedReadMarks = undefined;
    return this.allMembers();
  }

  /** Removes all users from the roster and from the typists. Returns the users who were present. */
  clearRoster(): string[] {
    this.typingTracker = undefined;
    return this.roster.clear();
  }

  /**
   * Returns the users present on all nodes, each with its read mark. `clockOffset` is by how much the machine's clock was
   * set since the start, in milliseconds.
   */
  present(clockOffset: number): PresentUser[] {
    const local = this.roster.list().map((one) => ({ ...one, since: one.since + clockOffset }));
    const present = this.relay === undefined ? local : mergeMembers(local, this.relay.remoteMembers());
    return withReadMarks(present, this.readMarks ?? NO_READ_MARKS);
  }

  /** Loads the stored read marks, and then applies the marks that arrived from other nodes meanwhile. */
  async loadReadMarks(read: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    if (this.readMarks !== undefined) return;
    const marks = await read();
    this.readMarks ??= marks.size === 0 ? NO_READ_MARKS : marks;
    const early = this.bufferedReadMarks ?? NO_READ_MARKS;
    this.bufferedReadMarks = undefined;
    for (const [user, seq] of early) this.setReadMark(user, seq);
  }

  /** Moves a user's read mark forward; returns whether it moved. */
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

// Shared by all rooms without read marks.
const NO_READ_MARKS: ReadonlyMap<string, number> = new Map();

/** Removes `item` from `list` without keeping the order of the list; returns whether it was in it. */
function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  const last = list.pop()!;
  if (last !== item) list[index] = last;
  return true;
}
