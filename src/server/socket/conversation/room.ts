import { type ChangedEntry, encodeChange, encodeFold } from "../../../core/changes/fold.ts";
import { encodeFrame } from "../../../core/conversation/entry.ts";
import { nameConversation } from "../../../core/conversation/named-frame.ts";
import { PresentUsers } from "../../../core/conversation/presence/present-users.ts";
import { TypingTracker } from "../../../core/conversation/presence/typing.ts";
import type { StoredChange } from "../../../core/ports/conversation/changes.ts";
import type { Subscription } from "../../../core/ports/message-log.ts";
import type { RelayRoom } from "../../../core/ports/relay.ts";
import type { ServerFrame } from "../../../protocol/server-frames.ts";
import {
  isPresent,
  mayHaveReactions,
  type ReadReactions,
  withOwnReactions,
} from "../../changes/own-reactions.ts";
import type { OpenStreams } from "../../streams/open-streams.ts";
import { RoomDrafts } from "../../streams/room-drafts.ts";
import { Audience, removeFrom } from "./audience.ts";
import type { Publish } from "./broadcast.ts";
import type { KeptChange } from "./recent/recent-changes.ts";
import { RecentFrames } from "./recent/recent-frames.ts";
import type { RoomMember } from "./room-member.ts";

/** What a member has of a room: all messages up to `seq`, with all changes up to `rev`. */
export interface MemberPlace {
  readonly seq: number;
  readonly rev: number;
}

/** Frames that a member lacks, which do not carry the conversation; the changes come first. */
export interface MissedFrames {
  readonly changes: readonly string[];
  readonly messages: readonly string[];
}

/** What the topic of frames that carry `conversation` has after the conversation's name; no name contains a `/`. */
const NAMED_TOPIC = "/named";

/**
 * A conversation with connections on this node. Most rooms are small and there are many, so a room creates rarely needed
 * parts on demand and uses arrays instead of sets.
 */
export class Room {
  /** Live members whose frames do not carry `conversation`: sockets of this conversation. */
  private readonly plain: Audience;
  /** Live members whose frames carry it: sockets of a user. Created for the first of them. */
  private named: Audience | undefined;
  /** Members that are catching up. They get all frames except messages and changes. */
  private behind: RoomMember[] | undefined;
  /** The members of each user, while the conversation is large; made when first needed. */
  private byUser: Map<string, RoomMember[]> | undefined;
  readonly present: PresentUsers;
  /** The engine's subscription; a promise until the room is open. */
  subscription: Subscription | Promise<void>;
  /** The conversation's link to the other nodes; undefined until the room is open. */
  relay: RelayRoom | undefined;
  /** Members that wait to join. The room stays open while there are any. */
  reservations = 0;
  seq = 0;
  /** The newest change of a message. */
  rev = 0;
  /** How often the epoch has changed since the room was created. */
  losses = 0;
  /** Empty until the room is open. */
  epoch = "";
  /** The drafts that are being written; made for the first member that reads them. */
  drafts: RoomDrafts | undefined;
  private recent: RecentFrames | undefined;
  private typingTracker: TypingTracker | undefined;
  /** Until when the typing of users is not sent to others, by the clock of `now`; made when first needed. */
  private typingHidden: Map<string, number> | undefined;

  constructor(
    readonly conversation: string,
    opening: Promise<void>,
    grace: number,
    private readonly publish: Publish,
  ) {
    this.plain = new Audience(conversation, false);
    this.subscription = opening;
    this.present = new PresentUsers(grace);
  }

  /** What members see of the drafts that are being written; undefined while there are none. */
  get streams(): OpenStreams | undefined {
    return this.drafts?.streams;
  }

  /** The number of live members. */
  get liveCount(): number {
    return this.plain.size + (this.named?.size ?? 0);
  }

  get isEmpty(): boolean {
    if (this.liveCount > 0 || this.behind !== undefined || this.reservations > 0) return false;
    // The other nodes, and readers of the feed, must still be notified of users whose grace is running.
    return !(this.relay?.reportsLeaves === true && this.present.local.hasPending);
  }

  /** Whether a user types, or did a moment ago. */
  get hasTypists(): boolean {
    return this.typingTracker !== undefined;
  }

  /** Whether time alone may change something in this room. */
  get hasPending(): boolean {
    const { present } = this;
    if (present.local.hasPending || present.hasUnsentCount) return true;
    return this.recent !== undefined || this.typingTracker !== undefined;
  }

  /** Keeps the frame of a message from `user` for replay, and delivers it to all live members. */
  publishMessage(seq: number, user: string, frame: string, now: number): void {
    this.ensureRecent().addMessage(this.seq, seq, frame, now);
    this.seq = seq;
    this.publishInOrder(user, frame, now);
  }

  /** Delivers a change to all live members, and keeps it for those that become live later. */
  publishChange(change: StoredChange, now: number): void {
    const { rev, seq, by, kind, entry } = change;
    const frame = encodeChange(change);
    const recent = this.ensureRecent();
    recent.addChange(this.rev, { rev, frame, reactor: kind === "react" ? by : undefined }, now);
    recent.replace(seq, encodeFrame(entry));
    this.rev = rev;
    this.publishInOrder(by, frame, now);
  }

  /** Delivers messages as changes that this node has missed have left them; `rev` is the newest of those changes. */
  publishFolds(rev: number, changed: readonly ChangedEntry[], now: number): void {
    this.rev = rev;
    this.recent?.forgetChanges();
    for (const one of changed) {
      this.recent?.replace(one.entry.seq, encodeFrame(one.entry));
      this.publishInOrder(undefined, encodeFold(one), now);
    }
  }

  private publishInOrder(user: string | undefined, frame: string, now: number): void {
    if (this.plain.size > 0) this.plain.publish(user, frame, now, this.publish);
    const { named } = this;
    if (named === undefined || named.size === 0) return;
    named.publish(user, nameConversation(frame, this.conversation), now, this.publish);
  }

  /** Keeps frames that were read from the store, up to the message `last`: the next client that catches up may need them. */
  cacheFrames(last: number, frames: readonly string[], now: number): void {
    this.ensureRecent().addRead(this.seq, last, frames, now);
  }

  /** Returns the frames after `seq`; undefined when some of them must be read from the store. */
  framesAfter(seq: number): readonly string[] | undefined {
    return seq === this.seq ? [] : this.recent?.messagesAfter(seq);
  }

  /** Returns the changes after `rev`; undefined when some of them must be read from the store. */
  changesAfter(rev: number): readonly KeptChange[] | undefined {
    return rev >= this.rev ? [] : this.recent?.changesAfter(rev);
  }

  /**
   * Makes a member live. Returns the frames that it still lacks, which MUST be delivered in the same turn of the event loop, so
   * that no message or change is missed or repeated (D4, CH1). Returns undefined, and changes nothing, when a part of them must
   * first be read from the store; `own` are the user's own reactions, where they were read.
   */
  goLive(member: RoomMember, place: MemberPlace, own?: ReadReactions): MissedFrames | undefined {
    const frames = this.framesSince(place, member.user, own);
    if (frames !== undefined) this.addLive(member);
    return frames;
  }

  private framesSince(
    { seq, rev }: MemberPlace,
    user: string,
    own: ReadReactions | undefined,
  ): MissedFrames | undefined {
    const messages = this.framesAfter(seq);
    const changes = this.changesAfter(rev);
    if (messages === undefined || changes === undefined) return undefined;
    const frames = changes.map(({ frame }) => frame);
    if (this.rev === 0 || !messages.some(mayHaveReactions)) return { changes: frames, messages };
    if (own === undefined || !isPresent(this.changesAfter(own.rev), user)) return undefined;
    return { changes: frames, messages: withOwnReactions(seq + 1, messages, own.own) };
  }

  /** Delivers a frame that is not a message to all members for which `isFor` returns true. */
  publishEvent(frame: string, isFor: (member: RoomMember) => boolean = () => true): void {
    this.deliver(this.members(), frame, isFor);
  }

  private deliver(
    members: readonly RoomMember[],
    frame: string,
    isFor: (member: RoomMember) => boolean,
  ): void {
    let named: string | undefined;
    for (const member of members) {
      if (!isFor(member)) continue;
      if (member.isNamed) {
        named ??= nameConversation(frame, this.conversation);
        member.deliver(named);
      } else member.deliver(frame);
    }
  }

  /** Delivers a frame to the members of `user` for which `isFor` returns true. Takes no longer in a large conversation. */
  sendToUser(user: string, frame: string, isFor: (member: RoomMember) => boolean = () => true): void {
    if (this.present.isLarge) this.byUser ??= Map.groupBy(this.members(), (member) => member.user);
    else this.byUser = undefined;
    const members = this.byUser?.get(user) ?? this.members().filter((member) => member.user === user);
    this.deliver([...members], frame, isFor);
  }

  /** The users who have members in the room. */
  users(): string[] {
    return [...new Set(this.members().map(({ user }) => user))];
  }

  /** The members of a user. */
  membersOf(user: string): RoomMember[] {
    return this.members().filter((member) => member.user === user);
  }

  /** Makes a member live: it gets every message and change from now on. */
  private addLive(member: RoomMember): void {
    if (!this.removeBehind(member)) this.enter(member);
    if (member.isNamed) {
      this.named ??= new Audience(`${this.conversation}${NAMED_TOPIC}`, true);
      this.named.add(member);
    } else this.plain.add(member);
  }

  /** Adds a member that is catching up. It gets all frames except messages and changes, until `goLive`. */
  addBehind(member: RoomMember): void {
    this.behind ??= [];
    this.behind.push(member);
    this.enter(member);
  }

  /** Removes a member; returns whether it was in the room. */
  remove(member: RoomMember): boolean {
    this.streams?.forget(member);
    const own = this.byUser?.get(member.user);
    if (own !== undefined && removeFrom(own, member) && own.length === 0) this.byUser?.delete(member.user);
    const audience = member.isNamed ? this.named : this.plain;
    const isRemoved = audience?.remove(member) || this.removeBehind(member);
    if (isRemoved && member.readsStreams) this.drafts!.readers--;
    return isRemoved;
  }

  /** Members that get each message one by one from now on, in one order with their other frames. */
  leaveTopics(members: readonly RoomMember[]): void {
    this.plain.leaveTopic(members);
    this.named?.leaveTopic(members);
  }

  setTyping(user: string, active: boolean, now: number): void {
    if (this.typingTracker === undefined && !active) return;
    this.typingTracker ??= new TypingTracker();
    this.typingTracker.set(user, active, now, this.present.isLarge);
  }

  /** As `setTyping`, for a user of this node; returns whether the other nodes must be notified. */
  recordTyping(user: string, active: boolean, now: number): boolean {
    if (this.typingTracker === undefined && !active) return false;
    this.typingTracker ??= new TypingTracker();
    return this.typingTracker.recordOwn(user, active, now, this.present.isLarge);
  }

  /** Does not send the typing of a user to others for so many milliseconds. Returns false, and sends it, where that is 0. */
  hideTyping(user: string, duration: number, now: number): boolean {
    if (duration > 0) {
      this.typingHidden ??= new Map();
      this.typingHidden.set(user, now + duration);
      return true;
    }
    if (this.typingHidden?.delete(user) && this.typingHidden.size === 0) this.typingHidden = undefined;
    return false;
  }

  /** Sends the typing of all users to others again. */
  showAllTyping(): void {
    this.typingHidden = undefined;
  }

  isTypingHidden(user: string, now: number): boolean {
    return now < (this.typingHidden?.get(user) ?? Number.NEGATIVE_INFINITY);
  }

  /** Sends to the other users that a user types, or does not any more. */
  publishTyping(user: string, active: boolean): void {
    const frame = JSON.stringify({ type: "typing", user, active } satisfies ServerFrame);
    this.publishEvent(frame, (member) => member.user !== user);
  }

  /** A user has left; returns whether members must be sent first that it does not type any more. */
  endTyping(user: string, now: number): boolean {
    return this.typingTracker?.leave(user, now, this.present.isLarge) ?? false;
  }

  /** Returns the users who began or stopped typing since the last call. */
  takeTypingChanges(now: number): readonly { user: string; active: boolean }[] {
    const changes = this.typingTracker?.takeChanges(now, this.present.isLarge) ?? [];
    if (this.typingTracker?.hasTypists === false) this.typingTracker = undefined;
    return changes;
  }

  /** Drops the recent frames when they have been kept long enough, and senders who have not sent for long. */
  forget(now: number): void {
    if (this.recent?.isExpired(now)) this.recent = undefined;
    this.plain.forgetSenders(now);
    this.named?.forgetSenders(now);
  }

  /** Begins another epoch, in which the next message follows `seq`. Returns all members: they may have messages that are gone. */
  restart(seq: number, epoch: string): RoomMember[] {
    this.seq = seq;
    this.rev = 0;
    this.epoch = epoch;
    this.losses++;
    this.recent = undefined;
    this.present.clearReadMarks();
    return this.members();
  }

  /** Removes all users of this node, and all typists. Returns the users who were present. */
  clearUsers(): string[] {
    this.typingTracker = undefined;
    return this.present.clear();
  }

  /** Returns what the room knows of drafts, for a member that reads them or is about to. */
  ensureDrafts(): RoomDrafts {
    this.drafts ??= new RoomDrafts();
    return this.drafts;
  }

  private ensureRecent(): RecentFrames {
    this.recent ??= new RecentFrames();
    return this.recent;
  }

  private enter(member: RoomMember): void {
    if (member.readsStreams) this.ensureDrafts().readers++;
    const own = this.byUser?.get(member.user);
    if (own !== undefined) own.push(member);
    else this.byUser?.set(member.user, [member]);
  }

  /** All members, also those that are catching up. */
  members(): RoomMember[] {
    return [...this.plain.members(), ...(this.named?.members() ?? []), ...(this.behind ?? [])];
  }

  private removeBehind(member: RoomMember): boolean {
    if (this.behind === undefined || !removeFrom(this.behind, member)) return false;
    if (this.behind.length === 0) this.behind = undefined;
    return true;
  }
}
