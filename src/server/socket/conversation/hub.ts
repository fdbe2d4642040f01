import { type Entry, encodeFrame } from "../../../core/conversation/entry.ts";
import { relationOf } from "../../../core/conversation/epoch.ts";
import { mergeMembers, withReadMarks } from "../../../core/conversation/presence.ts";
import { CLOCK_STEP_MS, type Clock } from "../../../core/ports/clock.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { Relay, RelayListener } from "../../../core/ports/relay.ts";
import { REMOVED } from "../../../core/session/close-reason.ts";
import { reconnectDelay } from "../../../core/session/reconnect-delay.ts";
import { closeForLostMessages } from "../../../core/session/store-health.ts";
import type { PresentUser, ServerFrame } from "../../../protocol/server-frames.ts";
import type { Publish } from "./broadcast.ts";
import { Reservation } from "./reservation.ts";
import { Room } from "./room.ts";
import type { RoomMember } from "./room-member.ts";

/** How often what lapses by time is looked at, in milliseconds. */
const SETTLE_INTERVAL_MS = 250;

export interface HubOptions {
  /** How long a user may be away and count as there, in milliseconds. */
  readonly presenceGrace: number;
}

/** Over how many seconds those come back who were shown messages that are lost. */
const RECONNECT_SPREAD_S = 3;

/** Who on this node listens to which conversation. A frame is encoded once, however many receive it. */
export class Hub {
  private readonly rooms = new Map<string, Room>();
  /** Rooms in which time may change something. */
  private readonly pendingRooms = new Set<Room>();
  private readonly stops: readonly (() => void)[];
  /** When time was looked at last; near enough for what is kept a minute, and no look at the clock for each message. */
  private settledAt: number;
  /** Messages given to connections since the start, for the log. */
  delivered = 0;

  constructor(
    private readonly engine: MessageLog & ReadMarks,
    private readonly relay: Relay,
    private readonly clock: Clock,
    private readonly options: HubOptions,
    private readonly publish: Publish,
  ) {
    this.settledAt = clock.now();
    this.stops = [
      clock.every(SETTLE_INTERVAL_MS, () => this.settle()),
      engine.watchEpoch((conversation, seq, epoch) => this.changeEpoch(conversation, seq, epoch)),
    ];
  }

  /** Opens a conversation for a member that is about to join, and reads how it stands in the store. */
  async reserve(conversation: string): Promise<Reservation> {
    const room = this.rooms.get(conversation) ?? this.makeRoom(conversation);
    room.reservations++;
    // A room that could not be opened is forgotten with all members that waited for it.
    await room.subscription;
    try {
      await room.loadReadMarks(() => this.engine.readMarks(conversation));
      const { first, epoch } = await this.engine.head(conversation);
      room.epoch = epoch;
      return new Reservation(room, first, this.giveUp);
    } catch (error) {
      this.giveUp(room);
      throw error;
    }
  }

  /** Lets a member into the conversation that was reserved for it. `goLive` or `startCatchUp` MUST follow in the same turn. */
  join(reservation: Reservation, member: RoomMember): { seq: number; present: PresentUser[] } {
    const room = reservation.take();
    const now = this.clock.now();
    if (room.roster.join(member.user, now)) {
      // By the clock that the nodes share, so that it is the same on all of them.
      const since = this.wallTime(room, room.relay?.join(member.user, now) ?? now);
      if (!room.isRemote(member.user)) this.announcePresence(room, member.user, "joined", since);
    }
    return { seq: room.seq, present: room.present(this.clockOffset) };
  }

  /**
   * Lets a connection that has everything up to `after` hear messages from now on, and answers the frames it still
   * lacks, which MUST be delivered in the same turn of the event loop: there is no seam (D4). Answers undefined when
   * they must first be read from the store.
   */
  goLive(conversation: string, member: RoomMember, after: number): readonly string[] | undefined {
    const room = this.rooms.get(conversation);
    const frames = room?.framesAfter(after);
    if (room === undefined || frames === undefined) return undefined;
    room.addLive(member);
    return frames;
  }

  /** The frames of the messages after `after` up to `last`, as far as they are here; undefined when the store must be asked. */
  framesBetween(conversation: string, after: number, last: number): readonly string[] | undefined {
    return this.rooms
      .get(conversation)
      ?.framesAfter(after)
      ?.slice(0, last - after);
  }

  /** Has a connection that must first be sent what it missed hear of everything but messages, until `goLive`. */
  startCatchUp(conversation: string, member: RoomMember): void {
    this.rooms.get(conversation)?.addBehind(member);
  }

  /** The frames of a page that was read from the store. They are kept for the others who come back to the conversation. */
  framesOf(conversation: string, page: readonly Entry[]): readonly string[] {
    const room = this.rooms.get(conversation);
    if (room === undefined || page.length === 0) return page.map(encodeFrame);
    const kept = room.framesAfter(page[0]!.seq - 1)?.slice(0, page.length);
    if (kept !== undefined) return kept;
    const frames = page.map(encodeFrame);
    room.cacheFrames(page.at(-1)!.seq, frames, this.clock.now());
    this.pendingRooms.add(room);
    return frames;
  }

  /** The epoch in which connections are in a conversation that is open here. */
  epoch(conversation: string): string {
    return this.rooms.get(conversation)?.epoch ?? "";
  }

  /** The newest `seq` of a conversation that is open here. */
  newest(conversation: string): number {
    return this.rooms.get(conversation)?.seq ?? 0;
  }

  /** Takes a connection out of a conversation it entered; `replaced`: a newer one of its client is coming. */
  leave(conversation: string, member: RoomMember, replaced = false): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    if (!room.remove(member)) return;
    room.roster.leave(member.user, this.clock.now(), replaced);
    this.settleRoom(room, this.clock.now());
    this.closeIfEmpty(room);
  }

  /** The users who are in a conversation, through whichever node; undefined when that cannot be known now. */
  async present(conversation: string): Promise<PresentUser[] | undefined> {
    const room = this.rooms.get(conversation);
    if (room?.relay !== undefined) return room.present(this.clockOffset);
    try {
      const elsewhere = await this.relay.present(conversation);
      if (elsewhere.size === 0) return [];
      return withReadMarks(mergeMembers([], elsewhere), await this.engine.readMarks(conversation));
    } catch {
      return undefined;
    }
  }

  /** Gives a frame that is about the server to everybody in every conversation. */
  sendToAll(frame: ServerFrame): void {
    const text = JSON.stringify(frame);
    for (const room of this.rooms.values()) room.publishEvent(text);
  }

  /** A user says that they type, or stopped. */
  setTyping(conversation: string, user: string, active: boolean): void {
    const room = this.rooms.get(conversation);
    const now = this.clock.now();
    if (room === undefined) return;
    if (room.recordTyping(user, active, now)) room.relay?.sendTyping(user, active);
    this.settleRoom(room, now);
  }

  /** A user's read mark moved; `by` is the connection that moved it, which knows. */
  setReadMark(conversation: string, user: string, seq: number, by: RoomMember): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.relay?.sendReadMark(user, seq);
    this.announceReadMark(room, user, seq, by);
  }

  stop(): void {
    for (const stop of this.stops) stop();
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

  /** Begins to hear what is said in a room's conversation, and what happens there through other nodes. */
  private async connect(room: Room): Promise<void> {
    const [listening, relay] = await Promise.allSettled([
      this.engine.subscribe(room.conversation, this.onEntry),
      this.relay.open(room.conversation, this.relayListener(room)),
    ]);
    if (listening.status === "fulfilled" && relay.status === "fulfilled") {
      room.subscription = listening.value;
      room.relay = relay.value;
      // Messages may have been announced between the engine's answer and now.
      room.seq = Math.max(room.seq, listening.value.seq);
      return;
    }
    if (listening.status === "fulfilled") listening.value.stop();
    if (relay.status === "fulfilled") relay.value.close();
    throw listening.status === "rejected" ? listening.reason : (relay as PromiseRejectedResult).reason;
  }

  /** What becomes of what other nodes tell. A user who is here, too, neither comes nor goes (P1). */
  private relayListener(room: Room): RelayListener {
    return {
      onPresence: (user, state, at) => {
        if (!room.roster.has(user)) this.announcePresence(room, user, state, at);
      },
      onTyping: (user, active) => {
        const now = this.clock.now();
        room.setTyping(user, active, now);
        this.settleRoom(room, now);
      },
      onReadMark: (user, seq) => this.announceReadMark(room, user, seq),
      onGap: () => this.reloadReadMarks(room),
    };
  }

  private reloadReadMarks(room: Room): Promise<void> {
    return this.engine.readMarks(room.conversation).then(
      (marks) => {
        for (const [user, seq] of marks) this.announceReadMark(room, user, seq);
      },
      // The store is away again; it is read again when it is back.
      () => {},
    );
  }

  private announceReadMark(room: Room, user: string, seq: number, by?: RoomMember): void {
    if (!room.setReadMark(user, seq)) return;
    const frame = JSON.stringify({ type: "read", user, seq } satisfies ServerFrame);
    room.publishEvent(frame, (member) => member !== by);
  }

  /**
   * A conversation has another epoch. Those who were shown messages that the store has lost come back and are told then
   * (D5); of one that was removed everybody is sent away for good (MB6).
   */
  private changeEpoch(conversation: string, seq: number, epoch: string): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    const relation = relationOf(room.epoch, epoch);
    const members = room.restart(seq, epoch);
    if (relation === "removed") {
      for (const member of members) {
        room.remove(member);
        member.end(REMOVED);
      }
      // Who was in it is not in what may bear its name next, not even for their grace.
      for (const user of room.clearRoster()) room.relay?.leave(user, this.clock.now());
      this.closeIfEmpty(room);
      return;
    }
    members.forEach((member, index) => {
      member.end(closeForLostMessages(reconnectDelay(index, members.length, RECONNECT_SPREAD_S)));
    });
  }

  /** One function for all rooms, so that none holds one of its own. */
  private readonly onEntry = (conversation: string, entry: Entry): void => {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.publishMessage(entry.seq, entry.from, encodeFrame(entry), this.settledAt);
    this.delivered += room.liveCount;
    this.pendingRooms.add(room);
    if (!room.hasTypists) return;
    const now = this.clock.now();
    room.setTyping(entry.from, false, now);
    this.settleRoom(room, now);
  };

  private settle(): void {
    const now = this.clock.now();
    this.settledAt = now;
    for (const room of this.pendingRooms) {
      this.settleRoom(room, now);
      this.closeIfEmpty(room);
    }
  }

  /** Tells what time has changed in a room, and remembers whether time may change more. */
  private settleRoom(room: Room, now: number): void {
    for (const { user, at } of room.roster.takeExpired(now)) {
      const left = this.wallTime(room, room.relay?.leave(user, at) ?? at);
      if (!room.isRemote(user)) this.announcePresence(room, user, "left", left);
    }
    for (const { user, active } of room.takeTypingChanges(now)) {
      const frame = JSON.stringify({ type: "typing", user, active } satisfies ServerFrame);
      room.publishEvent(frame, (member) => member.user !== user);
    }
    room.forget(now);
    if (room.hasPending) this.pendingRooms.add(room);
    else this.pendingRooms.delete(room);
  }

  /** How far the machine's clock was set since the start, in milliseconds: what happened here is told by the clock as it is now. */
  private get clockOffset(): number {
    const by = this.clock.wall() - this.clock.now();
    return Math.abs(by) > CLOCK_STEP_MS ? by : 0;
  }

  /** A moment as it is told: what nodes share is by the store's clock already. */
  private wallTime(room: Room, at: number): number {
    return room.relay?.isShared ? at : at + this.clockOffset;
  }

  private announcePresence(room: Room, user: string, state: "joined" | "left", at: number): void {
    room.publishEvent(JSON.stringify({ type: "presence", user, state, at } satisfies ServerFrame));
  }

  /** A member does not join after all. One function for all reservations, so that none holds one of its own. */
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
