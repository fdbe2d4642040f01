import type { ServerFrame, ServerFrameOf } from "../../protocol/server-frames.ts";
import { type CloseReason, closeReason } from "./close-reason.ts";

/** Clients hear of the store's state at most this often, in milliseconds: one that flaps must not flood them. */
export const HEALTH_INTERVAL_MS = 1_000;

const DEGRADED: ServerFrameOf<"degraded"> = {
  type: "degraded",
  reason:
    "The store cannot be written now. Messages are refused as `unavailable`; send them again after `recovered`.",
};

const RECOVERED: ServerFrameOf<"recovered"> = { type: "recovered", reason: "The store is back." };

/** What clients hear of whether the store can be written (L3). Times are in milliseconds. */
export class HealthNotices {
  private lastSent = true;
  private lastSentAt = Number.NEGATIVE_INFINITY;

  constructor(private ready: boolean) {}

  /** The store can be written, or not any more. */
  update(ready: boolean): void {
    this.ready = ready;
  }

  /** What all clients should hear now. What changes faster than they are told is told as it stands then. */
  nextFrame(now: number): ServerFrame | undefined {
    if (this.ready === this.lastSent || now < this.lastSentAt + HEALTH_INTERVAL_MS) return undefined;
    this.lastSent = this.ready;
    this.lastSentAt = now;
    return this.ready ? RECOVERED : DEGRADED;
  }

  /** What a client hears after its welcome: the others have heard it before. */
  get initialFrame(): ServerFrame | undefined {
    return this.lastSent ? undefined : DEGRADED;
  }
}

/** The ending of a connection that could not be let in because the store is away. */
export const STORE_UNAVAILABLE: CloseReason = closeReason(1013, {
  code: "unavailable",
  message: "The store cannot be reached now. Come back in a moment.",
});

/** The ending of a connection that was shown messages which the store has lost: who comes back is told (D5). */
export function closeForLostMessages(after: number): CloseReason {
  return { ...closeReason(1012, undefined, after), reason: "the store has lost messages" };
}
