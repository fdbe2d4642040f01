// The words of core/session/connection-session.ts: what a connection can be, what can happen to it, and what it can want
// done. Times are in milliseconds.
import type { CloseCode } from "../../protocol/close-codes.ts";
import type { DecodeResult } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { NoteEffect, SendEffect } from "./effects.ts";
import type { BurstRule, TokenBucket } from "./flood-guard.ts";
import type { ConnectionReport, OpenedEvent, RequestStep } from "./membership-state.ts";

export interface SessionRules {
  /** Inactivity time-out; 0 switches it off. */
  readonly inactivity: number;
  /** How long before the time-out the warning comes. */
  readonly inactivityWarning: number;
  /** How long a socket may stay without showing a credential; 0 for ever. */
  readonly credentialTimeout: number;
  readonly pingInterval: number;
  /** How long a peer may leave a ping unanswered before it counts as lost. */
  readonly pongTimeout: number;
  readonly burst: BurstRule;
  /** Requests of one socket that may wait for their answer, or be held, before it is paused (B2). */
  readonly maxWaiting: number;
  /** Bytes that may be unsent to one socket before it is closed (B1). */
  readonly maxUnsent: number;
}

/** Not authenticated yet: the credential is to come in a first `token` frame. */
export interface Anonymous {
  readonly phase: "anonymous";
  readonly since: number;
  readonly bucket: TokenBucket;
}

/** A credential is being checked; frames that come meanwhile are held by the connection. */
export interface Checking {
  readonly phase: "checking";
  readonly since: number;
  readonly held: number;
  readonly bucket: TokenBucket;
}

/** How long the token of a connection is valid. */
export interface TokenTerm {
  /** When the connection ends unless the token is renewed; Infinity for never. */
  readonly expiresAt: number;
  /** How long the token is valid in all, from its making to its end. */
  readonly lifetime: number;
}

/** The client was let in. */
export interface Live {
  readonly phase: "live";
  readonly expiresAt: number;
  /** When the client is warned that its token expires; Infinity once it was. */
  readonly expiryWarningAt: number;
  /** While a conversation sends what was missed: when the client last took some of it. Undefined once it has all. */
  readonly catchingUpSince: number | undefined;
  readonly activeAt: number;
  readonly inactivityWarned: boolean;
  /** Requests at the store, unanswered. */
  readonly waiting: number;
  /** A conversation holds as many requests as it may. */
  readonly full: boolean;
  /** The socket is not read: too many requests wait, or are held. */
  readonly paused: boolean;
  readonly bucket: TokenBucket;
  /** When the peer last sent something, or took some of what it was sent. */
  readonly lastReceivedAt: number;
  /** When the next transport ping is due, or 0 while `pingedAt` waits for its answer. */
  readonly pingDueAt: number;
  readonly pingedAt: number;
  /** How long the answer to that ping may take, in milliseconds. */
  readonly pongTimeout: number;
  /** The quota ran low, and the client was warned. */
  readonly quotaWarned: boolean;
}

export interface Closed {
  readonly phase: "closed";
}

export type ConnectionSession = Anonymous | Checking | Live | Closed;

export type ConnectionEvent =
  /**
   * `request`: what its conversation makes of the frame, where it is a request to one; carried out by the effect `pass`.
   * `counted`: it was held, and the guard against floods counted it when it came.
   */
  | {
      readonly type: "frame";
      readonly decoded: DecodeResult;
      readonly request?: RequestStep | undefined;
      readonly counted?: boolean;
    }
  /** A binary frame, or one over the size limit. */
  | { readonly type: "bad_frame"; readonly code: 1003 | 1009 }
  /** A transport ping or pong from the peer. */
  | { readonly type: "control" }
  /** The client is let in, and is in its conversation: `opened` is the membership's event. */
  | {
      readonly type: "admitted";
      readonly welcome: ServerFrameOf<"welcome">;
      readonly term: TokenTerm;
      readonly opened: OpenedEvent;
    }
  /** Some of what was unsent has left for the peer, so it is there and reads. */
  | { readonly type: "progress" }
  /** A conversation gives again what it held. */
  | { readonly type: "released" }
  | ConnectionReport
  | { readonly type: "renewed"; readonly term: TokenTerm }
  | { readonly type: "renewal_refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "refused"; readonly code: ErrorCode; readonly message: string }
  /** The machine's clock was set forward by so many milliseconds; back, where it is less than nothing. */
  | { readonly type: "clock_stepped"; readonly by: number }
  | { readonly type: "tick"; readonly unsent: number }
  /** Bytes are unsent to the peer, beyond the pages that it is being fed. */
  | { readonly type: "flushed"; readonly unsent: number; readonly dropped: boolean };

export type ConnectionEffect =
  | SendEffect
  | NoteEffect
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "renew"; readonly token: string }
  /** Keep the frame that was just decoded, and give it again after `release`. */
  | { readonly type: "hold" }
  | { readonly type: "release" }
  /** Give the event to the membership. */
  | { readonly type: "open"; readonly opened: OpenedEvent }
  /** Carry out the `request` of the frame. */
  | { readonly type: "pass" }
  | { readonly type: "ping" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "close"; readonly code: CloseCode; readonly reason: string }
  /** The peer is gone: cut the line without a close frame that it would not read. */
  | { readonly type: "terminate" };

export interface ConnectionStep {
  readonly session: ConnectionSession;
  readonly effects: readonly ConnectionEffect[];
}
