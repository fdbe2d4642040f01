import type { CloseReason } from "../../../core/session/close-reason.ts";

/** The part of a member that the hub uses. */
export interface RoomMember {
  readonly user: string;
  /** Whether its frames carry `conversation`, as on the socket of a user. */
  readonly isNamed: boolean;
  /** Whether its socket can subscribe to topics, and no frame that was delivered earlier waits to be sent first. */
  readonly canSubscribe: boolean;
  /** Whether it must get each message alone, after what waits for it: only where `isNamed`. */
  readonly hasBacklog: boolean;
  /** Whether its token has the right `manage` for the conversation. */
  readonly manages: boolean;
  /** Whether it is sent drafts while they are written: on the socket of a user, and where the client asked for them. */
  readonly readsStreams: boolean;
  /** Whether it has caught up, and its line takes a frame of a draft now. Otherwise the frame is made later, and longer. */
  readonly canTakeStreams: boolean;
  /** Counts as activity of its user (I1). */
  keepAwake(): void;
  /** The role of its user has changed, or it is muted, banned or neither any more. */
  standingChanged(): void;
  /** Queues one encoded frame. */
  deliver(frame: string): void;
  /** Queues a page of encoded frames, which do not carry `conversation`. Their bytes do not count as back-pressure. */
  feed(frames: readonly string[]): void;
  /** Subscribes its socket to `topic`. */
  subscribe(topic: string): void;
  /** Unsubscribes its socket. Frames that were published before are sent before frames that are delivered afterwards. */
  unsubscribe(topic: string): void;
  /** Ends the connection if too many bytes wait to be sent to it. */
  checkBackpressure(): void;
  /** Ends the membership: closes a socket of one conversation, or sends `closed` on the socket of a user. */
  end(ending: CloseReason): void;
}
