import type { Head } from "../../../core/ports/message-log.ts";
import type { Room } from "./room.ts";

/**
 * Keeps a room open for a member that is about to join it. MUST be declared with `using`: the disposal closes the room if no
 * member has joined it and it is empty.
 */
export class Reservation implements Disposable {
  /** The range, epoch and newest change of the conversation when the room was reserved. */
  readonly head: Head;
  private readonly losses: number;
  private held = true;

  constructor(
    readonly room: Room,
    { first, rev }: Pick<Head, "first" | "rev">,
    /** How far the member's user has read; 0 if not at all. */
    readonly readMark: number,
    private readonly giveUp: (room: Room) => void,
  ) {
    this.head = { seq: room.seq, first, epoch: room.epoch, rev };
    this.losses = room.losses;
  }

  /** Whether the store has lost messages of the conversation since the room was reserved. */
  get hasLost(): boolean {
    return this.room.losses !== this.losses;
  }

  /** Returns the room, which the member joins now; the reservation ends. */
  take(): Room {
    this.held = false;
    this.room.reservations--;
    return this.room;
  }

  [Symbol.dispose](): void {
    if (!this.held) return;
    this.held = false;
    this.giveUp(this.room);
  }
}
