import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type {
  Ack,
  State as ConnectionState,
  Lost,
  Message,
  PresentUser,
  Quota,
  QuotaNotice,
} from "./one/connect.ts";
import type { Transcript } from "./transcript.ts";

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
export type ActiveConnectionState = Exclude<ConnectionState, { readonly state: "closed" }>;

/** An open conversation, whether or not it is currently connected. */
export interface OpenSession {
  readonly state: "open";
  readonly user: string;
  readonly connection: ActiveConnectionState;
  /** The `welcome` frame; missing before it arrived. */
  readonly terms?: Pick<ServerFrameOf<"welcome">, "plan" | "inactivity">;
  readonly present: readonly PresentUser[];
  /** The number of present users, where `present` has only some of them. */
  readonly presentCount?: number;
  /** The other users who are typing. */
  readonly typing: readonly string[];
  /** When the server will close for inactivity; present while its warning applies. */
  readonly inactiveAt?: number;
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

/** The conversation and the user of the transcript. */
export interface TranscriptOwner {
  readonly conversation: string;
  readonly user: string;
  /** Whether earlier messages were loaded once, so that the page can resume there. */
  readonly isLoaded: boolean;
  /** Up to which `seq` the person has seen the messages. */
  readonly seen: number;
}

/** One test client: a user, a conversation, and their state. */
export interface State {
  /** The current conversation, or the one to connect to next. */
  readonly conversation: string;
  readonly session: Session;
  readonly transcript: Transcript;
  readonly transcriptOf?: TranscriptOwner;
  /** Null if the plan has no quota. */
  readonly usage?: PlanUsage | null;
  /** Until when requests are rejected, in milliseconds since 1970. */
  readonly limitedUntil?: number;
  /** Earlier messages are being loaded. */
  readonly loading: boolean;
  readonly notices: readonly Notice[];
}

/** An event of a conversation, at `at` (milliseconds since 1970). */
export type ConversationEvent =
  | {
      readonly type: "status";
      readonly connection: ConnectionState;
      readonly welcome: ServerFrameOf<"welcome"> | undefined;
      readonly present: readonly PresentUser[];
      readonly presentCount?: number;
      readonly at: number;
    }
  | {
      readonly type: "present";
      readonly present: readonly PresentUser[];
      /** As in the session. */
      readonly presentCount?: number;
    }
  | { readonly type: "typing"; readonly user: string; readonly active: boolean }
  | { readonly type: "message"; readonly message: Message }
  /** `newest`: the newest `seq` that is known afterwards. */
  | { readonly type: "lost"; readonly lost: Lost; readonly newest: number }
  | { readonly type: "quota"; readonly quota: QuotaNotice | null; readonly at: number }
  | {
      readonly type: "warning";
      readonly warning: Omit<ServerFrameOf<"warning">, "type">;
      readonly at: number;
    }
  | { readonly type: "complaint"; readonly refusal: UserFacingError }
  /** An own message was stored or rejected. */
  | { readonly type: "acked"; readonly ack: Ack }
  | { readonly type: "refused"; readonly id: string; readonly refusal: UserFacingError }
  /** The result of `load`, or the first page of the conversation. */
  | { readonly type: "page"; readonly messages: readonly Message[]; readonly more: boolean }
  | { readonly type: "page_refused"; readonly refusal: UserFacingError }
  /** The result of `measure`, in milliseconds; undefined if the connection was lost. */
  | { readonly type: "measured"; readonly roundTrip: number | undefined };

/** An event of a client. */
export type Event =
  | ConversationEvent
  | { readonly type: "sign_in_began" }
  | { readonly type: "signed_in"; readonly user: string }
  | { readonly type: "sign_in_refused"; readonly problem: string }
  | { readonly type: "sign_out" }
  | { readonly type: "choose"; readonly conversation: string }
  | { readonly type: "connect" }
  | { readonly type: "leave" }
  | { readonly type: "send"; readonly id: string; readonly text: string; readonly at: number }
  | { readonly type: "resend"; readonly id: string; readonly at: number }
  | { readonly type: "cancel_send"; readonly id: string }
  | { readonly type: "load_before"; readonly seq: number; readonly limit: number }
  /** The person types, or has emptied the composer. */
  | { readonly type: "write"; readonly active: boolean }
  /** The newest message is in view, and the page is visible. */
  | { readonly type: "seen"; readonly seq: number }
  | { readonly type: "stay" }
  | { readonly type: "measure" }
  | { readonly type: "dismiss"; readonly code: string };

/** An action, which test-client.ts carries out. */
export type Effect =
  /** Opens the conversation: with `resume` at the last position of this page, otherwise with the newest messages. */
  | { readonly type: "open"; readonly conversation: string; readonly resume: boolean }
  /** Connects at once instead of waiting, or opens a closed conversation again. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  /** `revoke`: also revokes the session at the server. */
  | { readonly type: "forget_login"; readonly revoke: boolean }
  | { readonly type: "send"; readonly id: string; readonly text: string }
  | { readonly type: "cancel_send"; readonly id: string }
  /** Loads messages before a `seq`; without one, the newest. */
  | { readonly type: "load"; readonly before?: number; readonly limit: number }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "read"; readonly seq: number }
  | { readonly type: "activity" }
  | { readonly type: "measure" };

/** A transition: the state after an event, and the effects. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
