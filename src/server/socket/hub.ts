import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../../core/engine.ts";
import type { Head } from "../../core/resume.ts";
import type { Member, Message, ServerFrame } from "../../protocol/server-frames.ts";
import { type Listener, Room } from "./room.ts";

/** How often what lapses by time is looked at, in milliseconds. */
const SETTLE_INTERVAL = 250;

export interface HubOptions {
  /** How long a user may be away and count as there, in milliseconds. */
  readonly presenceGrace: number;
}

/** Who on this node listens to which conversation. A frame is encoded once, however many receive it. */
export class Hub {
  private readonly rooms = new Map<string, Room>();
  /** Rooms in which time may change something. */
  private readonly waiting = new Set<Room>();
  private readonly stopSettling: () => void;
  /** When time was looked at last; near enough for what is kept a minute, and no look at the clock for each message. */
  private settledAt: number;
  /** Messages given to connections since the start, for the log. */
  delivered = 0;

  constructor(
    private readonly engine: Engine,
    private readonly clock: Clock,
    private readonly options: HubOptions,
  ) {
    this.settledAt = clock.now();
    this.stopSettling = clock.every(SETTLE_INTERVAL, () => this.settle());
  }

  /**
   * Opens a conversation for one connection, and answers how it stands in the store. Whoever calls it MUST then call
   * `enter` or `giveUp`, once.
   */
  async open(conversation: string): Promise<Head> {
    const room = this.rooms.get(conversation) ?? this.makeRoom(conversation);
    room.arriving++;
    // A room that could not be opened is forgotten with everybody who waited for it.
    await room.listening;
    try {
      await room.loadMarks(() => this.engine.marks(conversation));
      const { first, epoch } = await this.engine.head(conversation);
      return { seq: room.seq, first, epoch };
    } catch (error) {
      this.giveUp(conversation);
      throw error;
    }
  }

  /** The connection for which a conversation was opened does not enter it after all. */
  giveUp(conversation: string): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.arriving--;
    this.closeIfEmpty(conversation, room);
  }

  /** Lets a connection into a conversation that was opened for it. `goLive` or `stayBehind` MUST follow in the same turn. */
  enter(conversation: string, listener: Listener): { seq: number; members: Member[] } {
    const room = this.rooms.get(conversation);
    if (room === undefined) throw new Error("entered a room that is not open");
    room.arriving--;
    const now = this.clock.now();
    if (room.roster.join(listener.user, now)) this.tellPresence(room, listener.user, "joined", now);
    return { seq: room.seq, members: room.members() };
  }

  /**
   * Lets a connection that has everything up to `after` hear messages from now on, and answers the frames it still
   * lacks, which MUST be delivered in the same turn of the event loop: there is no seam (D4). Answers undefined when
   * they must first be read from the store.
   */
  goLive(conversation: string, listener: Listener, after: number): readonly string[] | undefined {
    const room = this.rooms.get(conversation);
    const frames = room?.framesAfter(after);
    if (room === undefined || frames === undefined) return undefined;
    room.addLive(listener);
    return frames;
  }

  /** Has a connection that must first be sent what it missed hear of everything but messages, until `goLive`. */
  stayBehind(conversation: string, listener: Listener): void {
    this.rooms.get(conversation)?.addBehind(listener);
  }

  /** The frames of a page that was read from the store. They are kept for the others who come back to the conversation. */
  framesOf(conversation: string, page: readonly Message[]): readonly string[] {
    const room = this.rooms.get(conversation);
    if (room === undefined || page.length === 0) return page.map(encode);
    const kept = room.framesAfter(page[0]!.seq - 1)?.slice(0, page.length);
    if (kept !== undefined) return kept;
    const frames = page.map(encode);
    room.remember(page.at(-1)!.seq, frames, this.clock.now());
    this.waiting.add(room);
    return frames;
  }

  /** The newest `seq` of a conversation that is open here. */
  newest(conversation: string): number {
    return this.rooms.get(conversation)?.seq ?? 0;
  }

  /** Takes a connection out of a conversation it entered. */
  leave(conversation: string, listener: Listener): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    if (!room.remove(listener)) return;
    room.roster.leave(listener.user, this.clock.now());
    this.settleRoom(room, this.clock.now());
    this.closeIfEmpty(conversation, room);
  }

  /** The users who are in a conversation on this node. */
  members(conversation: string): Member[] {
    return this.rooms.get(conversation)?.members() ?? [];
  }

  /** A user says that they type, or stopped. */
  type(conversation: string, user: string, active: boolean): void {
    const room = this.rooms.get(conversation);
    const now = this.clock.now();
    room?.setTyping(user, active, now);
    if (room !== undefined) this.settleRoom(room, now);
  }

  /** A user's read mark moved; `by` is the connection that moved it, which knows. */
  mark(conversation: string, user: string, seq: number, by: Listener): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.setMark(user, seq);
    const frame = JSON.stringify({ type: "read", user, seq } satisfies ServerFrame);
    room.announce(frame, (listener) => listener !== by);
  }

  stop(): void {
    this.stopSettling();
  }

  private makeRoom(conversation: string): Room {
    const opened = this.engine.listen(conversation, this.spread);
    const room = new Room(opened, this.options.presenceGrace);
    opened.then(
      (listening) => {
        room.listening = listening;
        // Messages may have been announced between the engine's answer and now.
        room.seq = Math.max(room.seq, listening.seq);
      },
      () => this.rooms.get(conversation) === room && this.rooms.delete(conversation),
    );
    this.rooms.set(conversation, room);
    return room;
  }

  /** One function for all rooms, so that none holds one of its own. */
  private readonly spread = (conversation: string, message: Message): void => {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.say(message.seq, encode(message), this.settledAt);
    this.delivered += room.live.length;
    this.waiting.add(room);
    if (!room.hasTypists) return;
    const now = this.clock.now();
    room.setTyping(message.from, false, now);
    this.settleRoom(room, now);
  };

  private settle(): void {
    const now = this.clock.now();
    this.settledAt = now;
    for (const room of this.waiting) this.settleRoom(room, now);
  }

  /** Tells what time has changed in a room, and remembers whether time may change more. */
  private settleRoom(room: Room, now: number): void {
    for (const { user, at } of room.roster.left(now)) this.tellPresence(room, user, "left", at);
    for (const { user, active } of room.typingChanges(now)) {
      const frame = JSON.stringify({ type: "typing", user, active } satisfies ServerFrame);
      room.announce(frame, (listener) => listener.user !== user);
    }
    room.forgetFrames(now);
    if (room.waits) this.waiting.add(room);
    else this.waiting.delete(room);
  }

  private tellPresence(room: Room, user: string, state: "joined" | "left", at: number): void {
    room.announce(JSON.stringify({ type: "presence", user, state, at } satisfies ServerFrame));
  }

  private closeIfEmpty(conversation: string, room: Room): void {
    if (!room.isEmpty) return;
    this.rooms.delete(conversation);
    this.waiting.delete(room);
    if (!(room.listening instanceof Promise)) room.listening.stop();
  }
}

/** A message as the frame that every member gets. */
function encode(message: Message): string {
  return JSON.stringify({ type: "message", ...message } satisfies ServerFrame);
}
