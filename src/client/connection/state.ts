// The life of a conversation's connection:
//
//            dial                  welcome               all that was missed is there
//   (open) ──────▶ connecting ───────────────▶ resuming ───────────────────────────▶ live ◀──▶ degraded
//                    ▲    │ line lost              │ line lost                        │ line lost
//                    │    └────────────┬───────────┴──────────────────────────────────┘
//           time, or │                 ▼
//            a wake  └───────────── waiting          a final close code, or close(), leads from everywhere to closed
import type { ServerFrameOf } from "../../protocol/server-frames.ts";

/** What the server said just before it closes. */
export type ClosingNotice = Pick<ServerFrameOf<"closing">, "code" | "reason" | "reconnect" | "retry_after">;

interface Trying {
  /** How many tries have failed since the last steady connection. */
  readonly attempt: number;
}

interface Connected extends Trying {
  /** When `welcome` came, in milliseconds since 1970, to be shown. */
  readonly since: number;
  readonly farewell?: ClosingNotice;
}

/** On the way to the server. `fresh`: with a token that was asked for because the last one was refused. */
export interface Connecting extends Trying {
  readonly state: "connecting";
  readonly fresh: boolean;
  readonly farewell?: ClosingNotice;
}

/** Connected, and up to date. */
export interface Live extends Connected {
  readonly state: "live";
}

/** Connected; messages that were missed are still coming. */
export interface Resuming extends Connected {
  readonly state: "resuming";
}

/** Connected; the server's store is away, and messages wait. */
export interface Degraded extends Connected {
  readonly state: "degraded";
  readonly reason: string;
}

/**
 * Not connected; tries again at `until` (milliseconds since 1970, to be shown: the wait itself does not depend on the time
 * of day). `code` says how the last line ended; 1006 where there was none. `firm`: the server named the time.
 */
export interface Waiting extends Trying {
  readonly state: "waiting";
  readonly until: number;
  readonly code: number;
  readonly reason: string;
  /** The last token was refused: the next try needs another. */
  readonly fresh: boolean;
  readonly firm: boolean;
}

/** What would help: nothing but `reconnect()`, another token, fewer frames, or something else. */
export type Advice = "reconnect" | "sign_in" | "slow_down" | "change";

/** Ended. `code` is a close code of docs/PROTOCOL.md. */
export interface Closed {
  readonly state: "closed";
  readonly code: number;
  readonly reason: string;
  readonly advice: Advice;
}

export type State = Connecting | Live | Resuming | Degraded | Waiting | Closed;

/** Everything that can happen to a connection. */
export type Event =
  /** The user does something in a conversation that was closed for inactivity. */
  | { readonly type: "open" }
  /** The application wants a new line, whatever becomes of the one there is. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  | { readonly type: "welcome"; readonly behind: boolean }
  /** Whether messages are missing now. */
  | { readonly type: "progress"; readonly behind: boolean }
  | { readonly type: "degraded"; readonly reason: string }
  | { readonly type: "recovered" }
  | { readonly type: "closing"; readonly farewell: ClosingNotice }
  /**
   * The socket is gone. `lasted`: for how long it had been let in, in milliseconds. `renewable`: there is a function that
   * may have another token. `hasStray`: a socket that was given up before its `welcome` may still be on its way.
   */
  | {
      readonly type: "connection_lost";
      readonly code: number;
      readonly reason: string;
      readonly lasted: number;
      readonly renewable: boolean;
      readonly hasStray: boolean;
    }
  /** The token function failed, and may do better later. */
  | { readonly type: "token_failed"; readonly reason: string }
  /** There is no token, or none that names a user. */
  | { readonly type: "token_missing"; readonly reason: string }
  | { readonly type: "timer" }
  /** The machine is online again, or the page is looked at again. */
  | { readonly type: "wake" }
  /** The machine is offline, or the page is hidden: the line may be gone. */
  | { readonly type: "offline" };

/** What is to be done outside: conversation.ts does it, and decides nothing. */
export type Effect =
  /** Dial; `fresh`: with another token than the last. */
  | { readonly type: "dial"; readonly fresh: boolean }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly milliseconds: number }
  /** Send a ping now, and see whether the line answers. */
  | { readonly type: "probe" };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
