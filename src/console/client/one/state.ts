// The states of a conversation's connection:
//
//            dial                  welcome               all missed messages received
//   (open) ──────▶ connecting ───────────────▶ resuming ───────────────────────────▶ live ◀──▶ degraded
//                    ▲    │ lost                   │ lost                             │ lost
//                    │    └────────────┬───────────┴──────────────────────────────────┘
//           time, or │                 ▼
//            a wake  └───────────── waiting          a final close code, or close(), leads from everywhere to closed
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";

/** The `closing` frame that the server sends just before it closes a connection. */
export type ClosingNotice = Pick<ServerFrameOf<"closing">, "code" | "reason" | "reconnect" | "retry_after">;

interface Attempting {
  /** How many attempts have failed since the last steady connection. */
  readonly attempt: number;
}

interface Connected extends Attempting {
  /** When `welcome` arrived, in milliseconds since 1970, for display. */
  readonly since: number;
  readonly closing?: ClosingNotice;
}

/** A connection attempt is in progress. `fresh`: with a new token, because the last one was rejected. */
export interface Connecting extends Attempting {
  readonly state: "connecting";
  readonly fresh: boolean;
  readonly closing?: ClosingNotice;
}

/** Connected and up to date. */
export interface Live extends Connected {
  readonly state: "live";
}

/** Connected; missed messages are still arriving. */
export interface Resuming extends Connected {
  readonly state: "resuming";
}

/** Connected; the server's store is unavailable, and messages wait. */
export interface Degraded extends Connected {
  readonly state: "degraded";
  readonly reason: string;
}

/**
 * Not connected; tries again at `until` (milliseconds since 1970, for display: the wait itself does not depend on the time
 * of day). `code` is the close code of the last socket; 1006 without one. `firm`: the server named the time.
 */
export interface Waiting extends Attempting {
  readonly state: "waiting";
  readonly until: number;
  readonly code: number;
  readonly reason: string;
  /** The last token was rejected: the next attempt needs another. */
  readonly fresh: boolean;
  readonly firm: boolean;
}

/** What can help: `reconnect()`, another token, fewer frames, or a different request. */
export type Advice = "reconnect" | "sign_in" | "slow_down" | "change";

/** Closed for good. `code` is a close code of docs/protocol/CONNECTION.md. */
export interface Closed {
  readonly state: "closed";
  readonly code: number;
  readonly reason: string;
  readonly advice: Advice;
}

export type State = Connecting | Live | Resuming | Degraded | Waiting | Closed;

/** An event that can change a connection. */
export type Event =
  /** The user acts in a conversation that was closed for inactivity. */
  | { readonly type: "open" }
  /** The application asks for a new socket, and drops the current one. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  | { readonly type: "welcome"; readonly behind: boolean }
  /** Whether messages are missing now. */
  | { readonly type: "progress"; readonly behind: boolean }
  | { readonly type: "degraded"; readonly reason: string }
  | { readonly type: "recovered" }
  | { readonly type: "closing"; readonly closing: ClosingNotice }
  /**
   * The socket closed. `lasted`: how long it was connected after `welcome`, in milliseconds. `renewable`: a token function
   * is set. `hasStray`: a socket that was abandoned before its `welcome` may still reach the server.
   */
  | {
      readonly type: "connection_lost";
      readonly code: number;
      readonly reason: string;
      readonly lasted: number;
      readonly renewable: boolean;
      readonly hasStray: boolean;
    }
  /** The token function failed, and may succeed later. */
  | { readonly type: "token_failed"; readonly reason: string }
  /** The application has no token, or its token names no user. */
  | { readonly type: "token_missing"; readonly reason: string }
  | { readonly type: "timer" }
  /** The machine is online again, or the page is visible again. */
  | { readonly type: "wake" }
  /** The machine is offline, or the page is hidden: the connection may be lost. */
  | { readonly type: "offline" };

/** An action for reconnecting-socket.ts, which carries it out and decides nothing. */
export type Effect =
  /** Opens a socket; `fresh`: with another token than the last. */
  | { readonly type: "dial"; readonly fresh: boolean }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly milliseconds: number }
  /** Sends a ping now, to see whether the connection still works. */
  | { readonly type: "probe" };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
