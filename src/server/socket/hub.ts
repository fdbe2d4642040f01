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

interface Room {
  readonly listeners: Set<Listener>;
  readonly roster: Roster;
  /** Connections that wait for `opened`; the room is not given up while there are any. */
  arriving: number;
  seq: number;
  readonly opened: Promise<Listening>;
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
   * Opens a conversation for one connection that will `join` it.
   *
   * Opening takes time and joining takes none: what the returned function answers is true in the same turn of the event
   * loop, so nothing is said between the view and the first frame that the connection is given.
   */
  async open(conversation: string): Promise<{ join(listener: Listener): RoomView; giveUp(): void }> {
    const room = this.rooms.get(conversation) ?? this.makeRoom(conversation);
    room.arriving++;
    const arrived = () => {
      room.arriving--;
    };
    try {
      const { epoch } = await room.opened;
      return {
        join: (listener) => {
          arrived();
          return { ...this.enter(room, listener), epoch };
        },
        giveUp: () => {
          arrived();
          this.closeIfEmpty(conversation, room);
        },
      };
    } catch (error) {
      arrived();
      this.closeIfEmpty(conversation, room);
      throw error;
    }
  }

  /** Takes a connection out of a conversation it joined. */
  leave(conversation: string, listener: Listener): void {
    const room = this.rooms.get(conversation);
    if (!room?.listeners.delete(listener)) return;
    if (room.roster.leave(listener.user)) this.announce(room, listener.user, "left");
    this.closeIfEmpty(conversation, room);
  }

  private makeRoom(conversation: string): Room {
    const opened = this.engine.listen(conversation, (_, message) => this.spread(room, message));
    const room: Room = { listeners: new Set(), roster: new Roster(), arriving: 0, seq: 0, opened };
    opened.then(
      (listening) => {
        room.seq = Math.max(room.seq, listening.seq);
      },
      () => {},
    );
    this.rooms.set(conversation, room);
    return room;
  }

  private enter(room: Room, listener: Listener): { seq: number; members: Member[] } {
    if (room.roster.join(listener.user, this.clock.now())) this.announce(room, listener.user, "joined");
    room.listeners.add(listener);
    return { seq: room.seq, members: room.roster.list() };
  }

  private spread(room: Room, message: Message): void {
    room.seq = message.seq;
    const frame = JSON.stringify({ type: "message", ...message } satisfies ServerFrame);
    for (const listener of room.listeners) listener.deliver(frame);
    this.delivered += room.listeners.size;
  }

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
    if (room.listeners.size > 0 || room.arriving > 0 || this.rooms.get(conversation) !== room) return;
    this.rooms.delete(conversation);
    room.opened.then(
      (listening) => listening.stop(),
      () => {},
    );
  }
}
