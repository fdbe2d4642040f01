import type { ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import { type Ending, endingFor } from "./closing.ts";

/** Clients hear of the store's state at most this often, in milliseconds: one that flaps must not flood them. */
export const HEALTH_INTERVAL = 1_000;

const DEGRADED: ServerFrameOf<"degraded"> = {
  type: "degraded",
  reason:
    "The store cannot be written now. Messages are refused as `unavailable`; send them again after `recovered`.",
};

const RECOVERED: ServerFrameOf<"recovered"> = { type: "recovered", reason: "The store is back." };

/** What clients hear of whether the store can be written (L3). Times are in milliseconds. */
export class StoreHealth {
  private told = true;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(private ready: boolean) {}

  /** The store can be written, or not any more. */
  note(ready: boolean): void {
    this.ready = ready;
  }

  /** What all clients should hear now. What changes faster than they are told is told as it stands then. */
  news(now: number): ServerFrame | undefined {
    if (this.ready === this.told || now < this.toldAt + HEALTH_INTERVAL) return undefined;
    this.told = this.ready;
    this.toldAt = now;
    return this.ready ? RECOVERED : DEGRADED;
  }

  /** What a client hears after its welcome: the others have heard it before. */
  get greeting(): ServerFrame | undefined {
    return this.told ? undefined : DEGRADED;
  }
}

/** The ending of a connection that could not be let in because the store is away. */
export const STORE_AWAY: Ending = endingFor(1013, {
  code: "unavailable",
  message: "The store cannot be reached now. Come back in a moment.",
});

/** The ending of a connection that was shown messages which the store has lost: who comes back is told (D5). */
export function messagesLost(after: number): Ending {
  return { ...endingFor(1012, undefined, after), reason: "the store has lost messages" };
}
