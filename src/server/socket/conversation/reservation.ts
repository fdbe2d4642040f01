import type { Head } from "../../../core/ports/message-log.ts";
import type { Room } from "./room.ts";

/**
 * Keeps a room open for a member that is about to join it. MUST be disposed of, by `using`: a room that no member joined
 * is then given up, if it is empty.
 */
export class Reservation implements Disposable {
  /** How the conversation stands in the store. */
  readonly head: Head;
  private readonly losses: number;
  private held = true;

  constructor(
    readonly room: Room,
    first: number,
    private readonly giveUp: (room: Room) => void,
  ) {
    this.head = { seq: room.seq, first, epoch: room.epoch };
    this.losses = room.losses;
  }

  /** Whether the store has lost messages of the conversation since the room was reserved. */
  get hasLost(): boolean {
    return this.room.losses !== this.losses;
  }

  /** A member joins the room in its place. */
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
