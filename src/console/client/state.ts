import type { Status, Welcome } from "../../client/index.ts";
import type { QuotaNotice } from "../../client/parley.ts";
import type { Quota, ServerFrameOf } from "../../protocol/server-frames.ts";

/** An error of the server or the library: `code` for the program, `message` for people. */
export interface UserFacingError {
  readonly code: string;
  readonly message: string;
}

/** Why a connection was closed for good, and what the person can do. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  readonly advice: string;
  /** The server's text, if any. */
  readonly detail?: string;
  /** `sign_in`: the token is no longer valid, so reconnecting with it would fail again. */
  readonly remedy: "reconnect" | "sign_in";
}

/** The states in which the client library continues on its own. */
export type LineStatus = Exclude<Status, { readonly state: "closed" }>;

/** A user's connection, whether or not it is currently established. */
export interface OpenSession {
  readonly state: "open";
  readonly user: string;
  readonly connection: LineStatus;
  /** The `welcome` frame; missing before it arrived. */
  readonly terms?: Pick<Welcome, "plan" | "inactivity">;
  /** When the server will close for inactivity; present while its warning applies. */
  readonly inactiveAt?: number;
  /** Attempts that failed since the connection was lost. */
  readonly failures: number;
  /** Why the connection is lost, once that has lasted long enough to be shown. */
  readonly outage?: string;
  /** A round trip is being measured. */
  readonly measuring: boolean;
  /** The last round trip, in milliseconds. */
  readonly roundTrip?: number;
  /** The last error that was no reply to a request: the reason, if the connection closes because of it. */
  readonly connectionError?: UserFacingError;
}

export type Session =
  | { readonly state: "signed_out"; readonly busy: boolean; readonly problem?: string }
  /** Not connected, because the person disconnected. */
  | { readonly state: "signed_in"; readonly user: string }
  | OpenSession
  | { readonly state: "closed"; readonly user: string; readonly closeInfo: CloseInfo };

/** A notice for the person. At most one per `code`; the newest replaces the last. */
export interface Notice {
  readonly code: string;
  readonly severity: "info" | "warning" | "error";
  readonly text: string;
}

/** The user's quota, with `fullAt` (milliseconds since 1970) instead of `reset`, which would become outdated. */
export interface PlanUsage extends Omit<Quota, "reset"> {
  readonly fullAt: number;
}

/** One client: a user, the connection, and the conversation that is shown. Its messages are in its room (room.ts). */
export interface State {
  /** The conversation that is shown; empty: none. */
  readonly conversation: string;
  readonly session: Session;
  /** Null if the plan has no quota. */
  readonly usage?: PlanUsage | null;
  /** Until when requests are rejected, in milliseconds since 1970. */
  readonly limitedUntil?: number;
  readonly notices: readonly Notice[];
}

/** An event of the line, at `at` (milliseconds since 1970). */
export type LineEvent =
  | {
      readonly type: "status";
      readonly status: Status;
      readonly welcome: Welcome | undefined;
      readonly at: number;
    }
  | { readonly type: "quota"; readonly quota: QuotaNotice | null; readonly at: number }
  | {
      readonly type: "warning";
      readonly warning: Omit<ServerFrameOf<"warning">, "type">;
      readonly at: number;
    }
  | { readonly type: "complaint"; readonly refusal: UserFacingError }
  /** The result of `measure`, in milliseconds; undefined if the connection was lost. */
  | { readonly type: "measured"; readonly roundTrip: number | undefined };

/** An event of a client. */
export type Event =
  | LineEvent
  | { readonly type: "sign_in_began" }
  | { readonly type: "signed_in"; readonly user: string }
  | { readonly type: "sign_in_refused"; readonly problem?: string }
  | { readonly type: "sign_out" }
  | { readonly type: "choose"; readonly conversation: string }
  | { readonly type: "connect" }
  | { readonly type: "disconnect" }
  /** The person types, sends or loads something, which ends the warning of inactivity (I1). */
  | { readonly type: "active" }
  | { readonly type: "stay" }
  | { readonly type: "measure" }
  | { readonly type: "dismiss"; readonly code: string };

/** An action, which test-client.ts carries out. */
export type Effect =
  /** Shows a conversation; with an empty name, none. */
  | { readonly type: "enter"; readonly conversation: string }
  /** Connects at once instead of waiting, or again. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  /** Forgets the user's connection with everything that it holds. */
  | { readonly type: "forget" }
  /** `revoke`: also revokes the session at the server. */
  | { readonly type: "forget_login"; readonly revoke: boolean }
  | { readonly type: "activity" }
  | { readonly type: "measure" };

/** A transition: the state after an event, and the effects. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
