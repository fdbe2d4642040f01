import type { ClientFrameOf } from "../protocol/client-frames.ts";
import type { Member, Quota, ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import type { Transcript } from "./transcript.ts";

/** What `GET /config.json` tells the page before anybody has signed in. */
export interface ServerFacts {
  readonly demo: readonly { readonly user: string; readonly plan: string }[];
  readonly version?: string;
}

/** What the server said just before it closed the line. */
export interface Farewell {
  readonly closing?: ServerFrameOf<"closing">;
  readonly error?: ServerFrameOf<"error">;
}

/** Why a connection ended and what the person can do. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  readonly advice: string;
  /** The server's own words, where it had any. */
  readonly detail?: string;
  /** When the server asks to be called again, in milliseconds since 1970. */
  readonly comeBackAt?: number;
  /** `sign_in`: the token is no longer good, so reconnecting with it would fail again. */
  readonly remedy: "reconnect" | "sign_in";
}

/** An open connection, between `welcome` and close. */
export interface OpenSession {
  readonly at: "open";
  readonly user: string;
  readonly plan: string;
  readonly inactivity: { readonly timeout: number; readonly warning: number };
  readonly members: readonly Member[];
  /** When the server will close for inactivity; there while its warning stands. */
  readonly inactiveAt?: number;
  /** The ping that waits for its pong. */
  readonly ping?: { readonly id: string; readonly at: number };
  /** How long the last ping took, in milliseconds. */
  readonly roundTrip?: number;
  readonly farewell: Farewell;
}

export type Session =
  | { readonly at: "signed_out"; readonly busy: boolean; readonly problem?: string }
  | { readonly at: "signed_in"; readonly user: string }
  | { readonly at: "connecting"; readonly user: string; readonly farewell: Farewell }
  | OpenSession
  | { readonly at: "closed"; readonly user: string; readonly ending: Ending };

/** Something the person should know. At most one per `code`; the newest wins. */
export interface Notice {
  readonly code: string;
  readonly tone: "info" | "warning" | "error";
  readonly text: string;
}

/** The user's allowance, with `fullAt` (milliseconds since 1970) for `reset`, which would age on the page. */
export interface Allowance extends Omit<Quota, "reset"> {
  readonly fullAt: number;
}

export interface State {
  readonly server: ServerFacts;
  /** The conversation to talk in, or to connect to next. */
  readonly conversation: string;
  readonly session: Session;
  readonly transcript: Transcript;
  /** Which conversation, in which life of the store, the transcript belongs to. */
  readonly transcriptOf?: { readonly conversation: string; readonly epoch: string; readonly user: string };
  readonly allowance?: Allowance;
  /** Until when requests are refused, in milliseconds since 1970. */
  readonly limitedUntil?: number;
  /** The `id` of the history request that waits for its answer. */
  readonly loading?: string;
  readonly notices: readonly Notice[];
}

/** Everything that can happen. `at` is when, in milliseconds since 1970. */
export type Event =
  | { readonly type: "server_facts"; readonly facts: ServerFacts }
  | { readonly type: "sign_in_began" }
  | { readonly type: "signed_in"; readonly user: string }
  | { readonly type: "sign_in_refused"; readonly problem: string }
  | { readonly type: "sign_out" }
  | { readonly type: "choose"; readonly conversation: string }
  | { readonly type: "connect" }
  | { readonly type: "leave" }
  | { readonly type: "say"; readonly id: string; readonly text: string; readonly at: number }
  | { readonly type: "say_again"; readonly id: string; readonly at: number }
  | { readonly type: "load_before"; readonly seq: number; readonly limit: number }
  | { readonly type: "stay" }
  | { readonly type: "ping"; readonly at: number }
  | { readonly type: "dismiss"; readonly code: string }
  | { readonly type: "frame"; readonly frame: ServerFrame; readonly at: number }
  | { readonly type: "closed"; readonly code: number; readonly at: number };

/** What a page sends. */
export type SentFrame = ClientFrameOf<"message" | "history" | "activity" | "ping">;

/** What is to be done outside: the carrier in main.ts does it, and nothing else. */
export type Effect =
  | { readonly do: "open"; readonly user: string; readonly conversation: string }
  | { readonly do: "close" }
  | { readonly do: "forget_token" }
  | { readonly do: "send"; readonly frame: SentFrame };

/** A transition: the state after an event, and what to do. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
