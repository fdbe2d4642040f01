// The states of the line, the one connection of a `connect()`:
//
//          a use                welcome
//   idle ────────▶ connecting ──────────▶ live ◀──▶ degraded
//    ▲               ▲    │ lost            │ lost
//    │      time, or │    ▼                 │
//    └─────────── waiting ◀─────────────────┘        a final close code, or close(), leads from everywhere to closed
//      nothing uses it
import type { ServerFrameOf } from "../../protocol/server-frames.ts";

/** What can help: `reconnect()`, another token, fewer frames, or a different request. */
export type Advice = "reconnect" | "sign_in" | "slow_down" | "change";

/**
 * The state of the line, as an application sees it. `until` is in milliseconds since 1970, for display: the wait itself does not
 * depend on the time of day. `code` is the close code of the last socket; 1006 without one.
 */
export type Status =
  | { readonly state: "idle" | "connecting" | "live" }
  /** Connected; the server's store is unavailable, and messages wait. */
  | { readonly state: "degraded"; readonly reason: string }
  /** Not connected; tries again at `until`. */
  | { readonly state: "waiting"; readonly until: number; readonly code: number; readonly reason: string }
  /** Closed, until a person does something; `code` is a close code of docs/protocol/CONNECTION.md. */
  | { readonly state: "closed"; readonly code: number; readonly reason: string; readonly advice: Advice };

/** The `closing` frame that the server sends just before it closes a connection. */
export type ClosingNotice = Pick<ServerFrameOf<"closing">, "code" | "reason" | "reconnect" | "retry_after">;

/** What a state holds beside what is shown. */
interface Internals {
  /** How many attempts have failed since the last steady connection. */
  readonly attempt: number;
  readonly closing?: ClosingNotice | undefined;
  /** The last token was rejected: the next attempt needs another. */
  readonly fresh?: boolean;
  /** The server named the time of the next attempt. */
  readonly firm?: boolean;
}

export type LineState = Status & Internals;

/** An event that can change the line. */
export type LineEvent =
  /** A conversation, the inbox or a request needs the line. */
  | { readonly type: "use" }
  /** The application asks for a new socket, and drops the current one. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  | { readonly type: "welcome" }
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
  /** The wait is over. `used`: a conversation, the inbox or a request needs the line. */
  | { readonly type: "timer"; readonly used: boolean }
  /** The machine is online again, or the page is visible again. */
  | { readonly type: "wake" }
  /** The machine is offline, or the page is hidden: the connection may be lost. */
  | { readonly type: "offline" };

/** An action for line.ts, which carries it out and decides nothing. */
export type LineEffect =
  /** Opens a socket; `fresh`: with another token than the last. */
  | { readonly type: "dial"; readonly fresh: boolean }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly milliseconds: number }
  /** Sends a ping now, to see whether the connection still works. */
  | { readonly type: "probe" };

export interface LineStep {
  readonly state: LineState;
  readonly effects: readonly LineEffect[];
}
