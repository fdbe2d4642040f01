import type { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import type { Engine, Listening } from "../../core/engine.ts";
import { Roster } from "../../core/presence.ts";
import type { Member, Message, PresenceFrame, ServerFrame } from "../../protocol/server-frames.ts";

/** What the hub sees of a connection. */
export interface Listener {
  readonly user: string;
  /** Queues one encoded frame. */
  deliver(frame: string): void;
}

/** A conversation as a newcomer finds it. */
export interface RoomView {
  readonly seq: number;
  readonly epoch: string;
  readonly members: Member[];
}

/** A conversation that somebody on this node listens to. An array and not a set: most rooms are small, and all are walked. */
class Room {
  readonly listeners: Listener[] = [];
  readonly roster = new Roster();
  /** The engine's answer; a promise until it has come. */
  listening: Listening | Promise<Listening>;
  /** Connections that wait to join; the room is not given up while there are any. */
  arriving = 0;
  seq = 0;

  constructor(listening: Promise<Listening>) {
    this.listening = listening;
  }
}

/** Who on this node listens to which conversation. A frame is encoded once, however many receive it. */
export class Hub {
  private readonly rooms = new Map<string, Room>();
  /** Messages given to connections since the start, for the log. */
  delivered = 0;

  constructor(
    private readonly engine: Engine,
    private readonly clock: Clock,
  ) {}

  /**
   * Opens a conversation for one connection. Whoever calls it MUST then call `join` or `giveUp`, once.
   *
   * Opening takes time and joining takes none: what `join` answers is true in the same turn of the event loop, so
   * nothing is said between the view and the first frame that the connection is given.
   */
  async open(conversation: string): Promise<void> {
    const room = this.rooms.get(conversation) ?? this.makeRoom(conversation);
    room.arriving++;
    // A room that could not be opened is forgotten with everybody who waited for it.
    await room.listening;
  }

  /** Adds a connection to a conversation that was opened for it. */
  join(conversation: string, listener: Listener): RoomView {
    const room = this.rooms.get(conversation);
    if (room === undefined || room.listening instanceof Promise)
      throw new Error("joined a room that is not open");
    room.arriving--;
    if (room.roster.join(listener.user, this.clock.now())) this.announce(room, listener.user, "joined");
    room.listeners.push(listener);
    return { seq: room.seq, epoch: room.listening.epoch, members: room.roster.list() };
  }

  /** The connection for which a conversation was opened does not join it after all. */
  giveUp(conversation: string): void {
    const room = this.rooms.get(conversation);
    if (room === undefined) return;
    room.arriving--;
    this.closeIfEmpty(conversation, room);
  }

  /** Takes a connection out of a conversation it joined. */
  leave(conversation: string, listener: Listener): void {
    const room = this.rooms.get(conversation);
    const place = room?.listeners.indexOf(listener) ?? -1;
    if (room === undefined || place < 0) return;
    const last = room.listeners.pop()!;
    if (last !== listener) room.listeners[place] = last;
    if (room.roster.leave(listener.user)) this.announce(room, listener.user, "left");
    this.closeIfEmpty(conversation, room);
  }

  private makeRoom(conversation: string): Room {
    const opened = this.engine.listen(conversation, this.spread);
    const room = new Room(opened);
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
    room.seq = message.seq;
    const frame = JSON.stringify({ type: "message", ...message } satisfies ServerFrame);
    for (const listener of room.listeners) listener.deliver(frame);
    this.delivered += room.listeners.length;
  };

  private announce(room: Room, user: string, state: z.output<typeof PresenceFrame>["state"]): void {
    const frame = JSON.stringify({
      type: "presence",
      user,
      state,
      at: this.clock.now(),
    } satisfies ServerFrame);
    for (const listener of room.listeners) listener.deliver(frame);
  }

  private closeIfEmpty(conversation: string, room: Room): void {
    if (room.listeners.length > 0 || room.arriving > 0) return;
    this.rooms.delete(conversation);
    if (!(room.listening instanceof Promise)) room.listening.stop();
  }
}
