import { type Entry, encodeFrame } from "../../../core/conversation/entry.ts";
import { relationOf } from "../../../core/conversation/epoch.ts";
import type { PresencePlace } from "../../../core/conversation/presence/presence-page.ts";
import { CLOCK_STEP_MS, type Clock } from "../../../core/ports/clock.ts";
import type { ChangeEvent } from "../../../core/ports/conversation/changes.ts";
import type { Engine } from "../../../core/ports/engine.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { Relay, RelayListener } from "../../../core/ports/relay.ts";
import { closeForRemoval } from "../../../core/session/close-reason.ts";
import { reconnectDelay } from "../../../core/session/reconnect-delay.ts";
import { closeForLostMessages } from "../../../core/session/store-health.ts";
import type { PresentUser, ServerFrame } from "../../../protocol/server-frames.ts";
import type { ServerMetrics } from "../../metrics/server-metrics.ts";
import type { Publish } from "./broadcast.ts";
import { type PresencePage, readPresencePage, usersElsewhere, usersHere } from "./presence-page.ts";
import { readMarkOf, shownReadMarks } from "./read-marks.ts";
import { Reservation } from "./reservation.ts";
import { Room } from "./room.ts";
import type { RoomMember } from "./room-member.ts";

/** How often the hub checks for ended graces, ended typing and old replay buffers, in milliseconds. */
const SETTLE_INTERVAL_MS = 250;

export interface HubOptions {
  /** How long a user without a connection stays present, in milliseconds. */
  readonly presenceGrace: number;
  readonly metrics?: ServerMetrics | undefined;
}

/** What a member gets when it joins: the newest `seq`, and who is present; the names are those of the frames. */
export interface JoinedRoom {
  readonly seq: number;
  readonly present: PresentUser[];
  readonly present_count: number;
}

/** The reconnects of clients that have lost messages are spread over this many seconds. */
const RECONNECT_SPREAD_S = 3;

/** The conversations that have connections on this node. A frame is encoded once for all its receivers. */
export class Hub {
  private readonly rooms = new Map<string, Room>();
  /** Rooms in which time alone may change something; see `Room.hasPending`. */
  private readonly pendingRooms = new Set<Room>();
  private readonly stops: readonly (() => void)[];
  /** The time of the last `settle`. It is exact enough for the replay buffers, and saves a clock read for each message. */
  private settledAt: number;
  /** Called with each message that was sent to the members of its room. */
  onSent: (room: Room, entry: Entry) => void = () => {};
  /** Messages delivered to connections since the start, for the log. */
  delivered = 0;

  constructor(
    private readonly engine: MessageLog & ReadMarks & Pick<Engine, "changes">,
    private readonly relay: Relay,
    private readonly clock: Clock,
    private readonly options: HubOptions,
    private readonly publish: Publish,
  ) {
    this.settledAt = clock.now();
    this.stops = [
      clock.every(SETTLE_INTERVAL_MS, () => this.settle()),
      engine.watchEpoch((conversation, seq, epoch) => this.changeEpoch(conversation, seq, epoch)),
      engine.changes.watch((event) => this.onChange(event)),
    ];
  }

  /** Opens the room for a member that is about to join, and reads the needed read marks and the conversation's head from the store. */
  async reserve(conversation: string, user: string): Promise<Reservation> {
    const room = this.rooms.get(conversation) ?? this.makeRoom(conversation);
    room.reservations++;
    // A room that could not be opened is removed (`makeRoom`), with the reservations of all members that wait for it.
    await room.subscription;
    try {
      const [readMark, head] = await Promise.all([
        readMarkOf(this.engine, room, user),
        this.engine.head(conversation),
      ]);
      room.epoch = head.epoch;
      return new Reservation(room, head, readMark, this.giveUp);
    } catch (error) {
      this.giveUp(room);
      throw error;
    }
  }

  /**
   * Joins a member to the room that was reserved for it. `Room.goLive` or `Room.addBehind` MUST follow in the same turn of the event
   * loop.
   */
  join(reservation: Reservation, member: RoomMember): JoinedRoom {
    const room = reservation.take();
    const { present } = room;
    const { user } = member;
    const now = this.clock.now();
    if (present.join(user, now, reservation.hasLost ? 0 : reservation.readMark)) {
      // The relay returns the time by the clock that the nodes share, so that all nodes show the same time.
      const since = this.wallTime(room, room.relay?.join(user, now) ?? now);
      if (!present.isRemote(user)) this.announcePresence(room, user, "joined", since);
    }
    return { seq: room.seq, present: present.list(this.clockOffset, user), present_count: present.count };
  }

  /**
   * Returns the frames of a page that was read from the store, and keeps them for other clients that catch up, unless messages
   * were changed after `rev`, the newest change before the page was read.
   */
  framesOf(conversation: string, page: readonly Entry[], rev: number): readonly string[] {
    const room = this.rooms.get(conversation);
    if (room === undefined || page.length === 0) return page.map(encodeFrame);
    const kept = room.framesAfter(page[0]!.seq - 1)?.slice(0, page.length);
    if (kept !== undefined) return kept;
    const frames = page.map(encodeFrame);
    if (room.rev === rev) room.cacheFrames(page.at(-1)!.seq, frames, this.clock.now());
    this.pendingRooms.add(room);
    return frames;
  }

  /** The epoch of a conversation that is open on this node; an empty string where it is not open. */
  epoch(conversation: string): string {
    return this.rooms.get(conversation)?.epoch ?? "";
  }

  /** The newest `seq` of a conversation that is open on this node; 0 where it is not open. */
  newest(conversation: string): number {
    return this.rooms.get(conversation)?.seq ?? 0;
  }

  /** Removes a member from the conversation that it joined. `replaced`: a newer connection of its client takes its place. */
  leave(conversation: string, member: RoomMember, replaced = false): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    if (!room.remove(member)) return;
    room.present.local.leave(member.user, this.clock.now(), replaced);
    this.membersRemoved(room);
  }

  /** The room of a conversation; undefined where it is not open on this node. */
  find = (conversation: string): Room | undefined => this.rooms.get(conversation);

  /** The names of the conversations that are open on this node. */
  openConversations = (): string[] => [...this.rooms.keys()];

  /** Announces the users who are not present any more, after members were removed from a room. */
  membersRemoved(room: Room): void {
    this.settleRoom(room, this.clock.now());
    this.closeIfEmpty(room);
  }

  /** Returns a page of the users present in a conversation, over all nodes; undefined when the store cannot be read now. */
  async present(
    conversation: string,
    limit: number,
    after?: PresencePlace,
  ): Promise<PresencePage | undefined> {
    const room = this.rooms.get(conversation);
    try {
      const users =
        room?.relay === undefined
          ? usersElsewhere(await this.relay.present(conversation))
          : [...room.present.all(this.clockOffset)];
      return await readPresencePage(this.engine, conversation, users, limit, after);
    } catch {
      return undefined;
    }
  }

  /** Records that a user types, or has stopped typing. `exempt`: no mute binds the connection. */
  setTyping(conversation: string, user: string, active: boolean, exempt = false): void {
    const room = this.rooms.get(conversation);
    const now = this.clock.now();
    if (room === undefined || (!exempt && room.isTypingHidden(user, now))) return;
    if (room.recordTyping(user, active, now)) room.relay?.sendTyping(user, active);
    this.settleRoom(room, now);
  }

  /** Does not send the typing of a user to others for so many milliseconds (MB3); 0: it is sent. */
  hideTyping(conversation: string, user: string, duration: number): void {
    const isHidden = this.rooms.get(conversation)?.hideTyping(user, duration, this.clock.now());
    if (isHidden) this.setTyping(conversation, user, false, true);
  }

  /** Announces a moved read mark of a user, whose connection `by` moved it; undefined where it was moved over HTTP. */
  setReadMark(conversation: string, user: string, seq: number, by?: RoomMember): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) this.sendReadMarkFromOutside(conversation, user, seq);
    else {
      this.sendReadMark(room, user, seq);
      this.announceReadMark(room, user, seq, by);
    }
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private sendReadMark(room: Room, user: string, seq: number): void {
    // In a large conversation only the user's other connections are notified (LR3).
    if (!room.present.isLarge || room.present.isRemote(user)) room.relay?.sendReadMark(user, seq);
  }

  /** The conversation is not open on this node (MX3), but may be on others. The room is open until they are notified. */
  private sendReadMarkFromOutside(conversation: string, user: string, seq: number): void {
    this.reserve(conversation, user).then(
      (reservation) => {
        using held = reservation;
        this.sendReadMark(held.room, user, seq);
      },
      // The store is unavailable. The mark is stored; the others read it when they open the conversation again.
      () => {},
    );
  }

  private makeRoom(conversation: string): Room {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const room = new Room(conversation, promise, this.options.presenceGrace, this.publish);
    this.rooms.set(conversation, room);
    this.connect(room).then(resolve, (error) => {
      if (this.rooms.get(conversation) === room) this.rooms.delete(conversation);
      reject(error);
    });
    return room;
  }

  /** Subscribes a room to the conversation's messages and to its events from other nodes. */
  private async connect(room: Room): Promise<void> {
    const [listening, relay] = await Promise.allSettled([
      this.engine.subscribe(room.conversation, this.onEntry),
      this.relay.open(room.conversation, this.relayListener),
    ]);
    if (listening.status === "fulfilled" && relay.status === "fulfilled") {
      room.subscription = listening.value;
      room.relay = relay.value;
      room.present.connect(relay.value.remoteMembers());
      // Messages may have been announced between the resolution of `subscribe` and now.
      room.seq = Math.max(room.seq, listening.value.seq);
      room.rev = Math.max(room.rev, listening.value.rev);
      return;
    }
    if (listening.status === "fulfilled") listening.value.stop();
    if (relay.status === "fulfilled") relay.value.close();
    throw listening.status === "rejected" ? listening.reason : (relay as PromiseRejectedResult).reason;
  }

  /** Reads again the read marks that members are shown, and announces those that moved. */
  private async reloadReadMarks(room: Room): Promise<void> {
    try {
      const marks = await shownReadMarks(this.engine, room);
      for (const [user, seq] of marks) this.announceReadMark(room, user, seq);
    } catch {
      // The store is unavailable again. When it recovers, `onGap` is called again.
    }
  }

  private announceReadMark(room: Room, user: string, seq: number, by?: RoomMember): void {
    if (!room.present.setReadMark(user, seq)) return;
    const frame = JSON.stringify({ type: "read", user, seq } satisfies ServerFrame);
    if (room.present.isLarge) room.sendToUser(user, frame, (member) => member !== by);
    else room.publishEvent(frame, (member) => member !== by);
  }

  /**
   * A conversation has another epoch. Where the store has lost messages, all its connections are closed with a time to
   * reconnect, and then learn of the loss by `resumed: false` (D5). Where the conversation was removed, they are closed
   * for good (MB6).
   */
  private changeEpoch(conversation: string, seq: number, epoch: string): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    const relation = relationOf(room.epoch, epoch);
    const members = room.restart(seq, epoch);
    if (relation === "removed") {
      for (const member of members) {
        room.remove(member);
        member.end(closeForRemoval(room.conversation));
      }
      // Its users are not present in a later conversation of the same name, not even for their grace.
      for (const user of room.clearUsers()) room.relay?.leave(user, this.clock.now());
      this.closeIfEmpty(room);
      return;
    }
    for (const [index, member] of members.entries())
      member.end(closeForLostMessages(reconnectDelay(index, members.length, RECONNECT_SPREAD_S)));
  }

  /** Handles events from other nodes. A user who is also present on this node is not announced as joined or left (P1). */
  private readonly relayListener: RelayListener = {
    onPresence: (conversation, user, state, at) => {
      const room = this.rooms.get(conversation);
      if (room?.present.local.has(user) === false) this.announcePresence(room, user, state, at);
    },
    onTyping: (conversation, user, active) => {
      const room = this.rooms.get(conversation);
      if (room === undefined) return;
      const now = this.clock.now();
      room.setTyping(user, active, now);
      this.settleRoom(room, now);
    },
    onReadMark: (conversation, user, seq) => {
      const room = this.rooms.get(conversation);
      if (room !== undefined) this.announceReadMark(room, user, seq);
    },
    onGap: (conversation) => {
      const room = this.rooms.get(conversation);
      if (room !== undefined) return this.reloadReadMarks(room);
    },
    presentHere: () => usersHere(this.rooms.values()),
  };

  /** One function for all rooms, so that each room need not hold a closure. */
  private readonly onEntry = (conversation: string, entry: Entry): void => {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.publishMessage(entry.seq, entry.from, encodeFrame(entry), this.settledAt);
    this.delivered += room.liveCount;
    this.options.metrics?.delivered(entry);
    this.onSent(room, entry);
    this.pendingRooms.add(room);
    if (!room.hasTypists) return;
    const now = this.clock.now();
    room.setTyping(entry.from, false, now);
    this.settleRoom(room, now);
  };

  private onChange(event: ChangeEvent): void {
    const { conversation, rev } = event.type === "changed" ? event.change : event;
    const room = this.rooms.get(conversation);
    // A subscription that began while changes were announced contains them.
    if (room === undefined || rev <= room.rev) return;
    if (event.type === "folded") room.publishFolds(rev, event.changed, this.settledAt);
    else room.publishChange(event.change, this.settledAt);
    this.pendingRooms.add(room);
  }

  private settle(): void {
    const now = this.clock.now();
    this.settledAt = now;
    for (const room of this.pendingRooms) {
      this.settleRoom(room, now);
      this.closeIfEmpty(room);
    }
  }

  /** Announces the users whose grace or typing has ended, and notes whether the room needs another check later. */
  private settleRoom(room: Room, now: number): void {
    for (const { user, at } of room.present.local.takeExpired(now)) {
      const left = this.wallTime(room, room.relay?.leave(user, at) ?? at);
      if (!room.present.isRemote(user)) this.announcePresence(room, user, "left", left);
    }
    this.announceCount(room, now);
    for (const { user, active } of room.takeTypingChanges(now)) room.publishTyping(user, active);
    room.forget(now);
    if (room.hasPending) this.pendingRooms.add(room);
    else this.pendingRooms.delete(room);
  }

  /** By how much the machine's clock was set since the start, in milliseconds. Times of this node are sent by the present clock. */
  private get clockOffset(): number {
    const by = this.clock.wall() - this.clock.now();
    return Math.abs(by) > CLOCK_STEP_MS ? by : 0;
  }

  /** Returns the time of day for a time of this node. In a cluster the relay has already converted it to the store's clock. */
  private wallTime(room: Room, at: number): number {
    return room.relay?.isShared ? at : at + this.clockOffset;
  }

  /** Counts a user who joined or left, and notifies the members, each time or later by `announceCount` (LR2). */
  private announcePresence(room: Room, user: string, state: "joined" | "left", at: number): void {
    if (state === "left" && room.endTyping(user, this.clock.now())) room.publishTyping(user, false);
    if (room.present.recordChange(user, state, this.clock.now()))
      room.publishEvent(JSON.stringify({ type: "presence", user, state, at } satisfies ServerFrame));
    else this.pendingRooms.add(room);
  }

  private announceCount(room: Room, now: number): void {
    const what = room.present.takeCount(now);
    if (what === undefined) return;
    const present = what === "count_and_list" ? { present: room.present.list(this.clockOffset) } : {};
    const frame = { type: "presence_count", count: room.present.count, ...present } satisfies ServerFrame;
    room.publishEvent(JSON.stringify(frame));
  }

  /** Cancels a reservation. One function for all reservations, so that each one need not hold a closure. */
  private readonly giveUp = (room: Room): void => {
    room.reservations--;
    this.closeIfEmpty(room);
  };

  private closeIfEmpty(room: Room): void {
    if (!room.isEmpty || this.rooms.get(room.conversation) !== room) return;
    this.rooms.delete(room.conversation);
    this.pendingRooms.delete(room);
    if (!(room.subscription instanceof Promise)) room.subscription.stop();
    room.relay?.close();
  }
}
