import type {
  Ack,
  State as ConnectionState,
  Lost,
  Message,
  PresentUser,
  Quota,
  QuotaNotice,
} from "../../client/connect.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Transcript } from "./transcript.ts";

/** Something the server (or the library) refused: `code` for the program, `message` for people. */
export interface UserFacingError {
  readonly code: string;
  readonly message: string;
}

/** Why a connection ended for good and what the person can do. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  readonly advice: string;
  /** The server's own words, where it had any. */
  readonly detail?: string;
  /** `sign_in`: the token is no longer good, so reconnecting with it would fail again. */
  readonly remedy: "reconnect" | "sign_in";
}

/** The states of the client library in which a conversation goes on by itself. */
export type ActiveConnectionState = Exclude<ConnectionState, { readonly state: "closed" }>;

/** A conversation that is open, be its line connected at the moment or not. */
export interface OpenSession {
  readonly state: "open";
  readonly user: string;
  readonly connection: ActiveConnectionState;
  /** What `welcome` said; missing until it came. */
  readonly terms?: Pick<ServerFrameOf<"welcome">, "plan" | "inactivity">;
  readonly present: readonly PresentUser[];
  /** Who else types. */
  readonly typing: readonly string[];
  /** When the server will close for inactivity; there while its warning stands. */
  readonly inactiveAt?: number;
  /** Why the line is away, once that lasts long enough to be worth a word. */
  readonly outage?: string;
  /** A round trip is being measured. */
  readonly measuring: boolean;
  /** How long the last one took, in milliseconds. */
  readonly roundTrip?: number;
  /** The last refusal that was no answer to a request: the reason, if the connection ends by it. */
  readonly connectionError?: UserFacingError;
}

export type Session =
  | { readonly state: "signed_out"; readonly busy: boolean; readonly problem?: string }
  | { readonly state: "signed_in"; readonly user: string }
  | OpenSession
  | { readonly state: "closed"; readonly user: string; readonly closeInfo: CloseInfo };

/** Something the person should know. At most one per `code`; the newest wins. */
export interface Notice {
  readonly code: string;
  readonly severity: "info" | "warning" | "error";
  readonly text: string;
}

/** The user's allowance, with `fullAt` (milliseconds since 1970) for `reset`, which would age on the page. */
export interface PlanUsage extends Omit<Quota, "reset"> {
  readonly fullAt: number;
}

/** Which conversation, of which user, the transcript belongs to. */
export interface TranscriptOwner {
  readonly conversation: string;
  readonly user: string;
  /** Whether what was said before has come once, so that the page can go on where it was. */
  readonly isLoaded: boolean;
  /** Up to which `seq` the person has seen the messages. */
  readonly seen: number;
}

/** One client of the bench: a user, a conversation, and how far they have come. */
export interface State {
  /** The conversation to talk in, or to connect to next. */
  readonly conversation: string;
  readonly session: Session;
  readonly transcript: Transcript;
  readonly transcriptOf?: TranscriptOwner;
  /** Null where nothing is counted. */
  readonly usage?: PlanUsage | null;
  /** Until when requests are refused, in milliseconds since 1970. */
  readonly limitedUntil?: number;
  /** Messages that were said before are on their way. */
  readonly loading: boolean;
  readonly notices: readonly Notice[];
}

/** What a conversation tells. `at` is when, in milliseconds since 1970. */
export type ConversationEvent =
  | {
      readonly type: "status";
      readonly connection: ConnectionState;
      readonly welcome: ServerFrameOf<"welcome"> | undefined;
      readonly present: readonly PresentUser[];
      readonly at: number;
    }
  | { readonly type: "present"; readonly present: readonly PresentUser[] }
  | { readonly type: "typing"; readonly user: string; readonly active: boolean }
  | { readonly type: "message"; readonly message: Message }
  /** `newest`: up to where the conversation is known after that. */
  | { readonly type: "lost"; readonly lost: Lost; readonly newest: number }
  | { readonly type: "quota"; readonly quota: QuotaNotice | null; readonly at: number }
  | {
      readonly type: "warning";
      readonly warning: Omit<ServerFrameOf<"warning">, "type">;
      readonly at: number;
    }
  | { readonly type: "complaint"; readonly refusal: UserFacingError }
  /** An own message is stored, or will not be. */
  | { readonly type: "acked"; readonly ack: Ack }
  | { readonly type: "refused"; readonly id: string; readonly refusal: UserFacingError }
  /** What `load` answered, or what came with the conversation. */
  | { readonly type: "page"; readonly messages: readonly Message[]; readonly more: boolean }
  | { readonly type: "page_refused"; readonly refusal: UserFacingError }
  /** What `measure` answered, in milliseconds; undefined when the line was lost. */
  | { readonly type: "measured"; readonly roundTrip: number | undefined };

/** Everything that can happen. */
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
  /** Somebody writes, or has emptied what was written. */
  | { readonly type: "write"; readonly active: boolean }
  /** The newest message is in view, and the page is looked at. */
  | { readonly type: "seen"; readonly seq: number }
  | { readonly type: "stay" }
  | { readonly type: "measure" }
  | { readonly type: "dismiss"; readonly code: string };

/** What is to be done outside: test-client.ts does it, and nothing else. */
export type Effect =
  /** Opens the conversation: `resume` where this page left it, and otherwise with the newest messages. */
  | { readonly type: "open"; readonly conversation: string; readonly resume: boolean }
  /** Tries now what would be tried later, or opens again what was closed. */
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  /** `tell`: the server is told too, so that the token is worth nothing any more. */
  | { readonly type: "forget_login"; readonly revoke: boolean }
  | { readonly type: "send"; readonly id: string; readonly text: string }
  | { readonly type: "cancel_send"; readonly id: string }
  /** Reads messages before a `seq`; without one, the latest. */
  | { readonly type: "load"; readonly before?: number; readonly limit: number }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "read"; readonly seq: number }
  | { readonly type: "activity" }
  | { readonly type: "measure" };

/** A transition: the state after an event, and what to do. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
