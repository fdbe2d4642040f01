import type { CloseReason } from "../../../core/session/close-reason.ts";

/** What the hub sees of a connection. */
export interface RoomMember {
  readonly user: string;
  /** Whether its socket can be published to: no frame that was delivered earlier waits to be sent first. */
  readonly canSubscribe: boolean;
  /** Queues one encoded frame. */
  deliver(frame: string): void;
  /** From now on it receives what is published under `topic`. */
  subscribe(topic: string): void;
  /** From now on it receives nothing of `topic`. What was published before reaches it before anything delivered after. */
  unsubscribe(topic: string): void;
  /** Ends it when too many bytes wait to be sent to it. */
  checkBackpressure(): void;
  /** Ends the connection. */
  end(ending: CloseReason): void;
}
