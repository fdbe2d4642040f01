import type { ServerFrame, ServerFrameOf } from "../../protocol/server-frames.ts";
import { type CloseReason, closeReason } from "./close-reason.ts";

/** Clients get at most one notice of the store's state in this time, in milliseconds: a store that flaps must not flood them. */
export const HEALTH_INTERVAL_MS = 1_000;

const DEGRADED: ServerFrameOf<"degraded"> = {
  type: "degraded",
  reason:
    "The store cannot be written now. Messages are refused as `unavailable`; send them again after `recovered`.",
};

const RECOVERED: ServerFrameOf<"recovered"> = { type: "recovered", reason: "The store is back." };

/** Decides when clients get `degraded` and `recovered` (L3). Times are in milliseconds. */
export class HealthNotices {
  private lastSent = true;
  private lastSentAt = Number.NEGATIVE_INFINITY;

  constructor(private ready: boolean) {}

  /** Records whether the store can be written. */
  update(ready: boolean): void {
    this.ready = ready;
  }

  /**
   * Returns the frame that all clients should be sent now. Changes within HEALTH_INTERVAL_MS of the last frame wait, and
   * then only the newest state counts.
   */
  nextFrame(now: number): ServerFrame | undefined {
    if (this.ready === this.lastSent || now < this.lastSentAt + HEALTH_INTERVAL_MS) return undefined;
    this.lastSent = this.ready;
    this.lastSentAt = now;
    return this.ready ? RECOVERED : DEGRADED;
  }

  /** The frame for a new client, after its welcome: the state that the other clients were last sent. */
  get initialFrame(): ServerFrame | undefined {
    return this.lastSent ? undefined : DEGRADED;
  }
}

/** For a connection that could not join because the store is unavailable. */
export const STORE_UNAVAILABLE: CloseReason = closeReason(1013, {
  code: "unavailable",
  message: "The store cannot be reached now. Reconnect in a moment.",
});

/** For a connection that was sent messages which the store has lost. When it reconnects, `resumed: false` says so (D5). */
export function closeForLostMessages(after: number): CloseReason {
  return { ...closeReason(1012, undefined, after), reason: "the store has lost messages" };
}
