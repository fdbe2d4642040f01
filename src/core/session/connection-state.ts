// The types of core/session/connection-session.ts: the states, events and effects of a connection. Times are in
// milliseconds.

import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { CloseCode } from "../../protocol/close-codes.ts";
import type { DecodeResult } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ConversationWelcome, UserWelcome } from "../../protocol/server-frames.ts";
import type { NoteEffect, SendEffect } from "./effects.ts";
import type { BurstRule, TokenBucket } from "./flood-guard.ts";
import type { ConnectionReport, OpenedEvent, RequestOutcome } from "./membership-state.ts";

export interface SessionRules {
  /** Inactivity time-out; 0 switches it off. */
  readonly inactivity: number;
  /** How long before the time-out the warning comes. */
  readonly inactivityWarning: number;
  /** How long a socket may stay open without a credential; 0 is no limit. */
  readonly credentialTimeout: number;
  readonly pingInterval: number;
  /** How long the pong of a peer may take before the peer counts as lost. */
  readonly pongTimeout: number;
  readonly burst: BurstRule;
  /** The number of requests of one socket that may wait for a reply, or be held, before the socket is paused (B2). */
  readonly maxWaiting: number;
  /** Bytes that may be unsent to one socket before it is closed (B1). */
  readonly maxUnsent: number;
}

/** Not authenticated yet. The first frame must be a `token` frame with the credential. */
export interface Anonymous {
  readonly phase: "anonymous";
  readonly since: number;
  readonly bucket: TokenBucket;
}

/** A credential is being checked. Frames that arrive meanwhile are held by the connection. */
export interface Checking {
  readonly phase: "checking";
  readonly since: number;
  readonly held: number;
  readonly bucket: TokenBucket;
}

/** How long the token of a connection is valid. */
export interface TokenTerm {
  /** When the connection is closed unless the token is renewed; Infinity for never. */
  readonly expiresAt: number;
  /** The whole lifetime of the token, from its issue to its expiry. */
  readonly lifetime: number;
}

/** The client is admitted. */
export interface Live {
  readonly phase: "live";
  readonly expiresAt: number;
  /** When the client is warned that its token expires; Infinity after the warning. */
  readonly expiryWarningAt: number;
  /** During catch-up: when the client last read some of the missed messages. Undefined after it. */
  readonly catchingUpSince: number | undefined;
  readonly activeAt: number;
  readonly inactivityWarned: boolean;
  /** The number of requests that wait for a result of the store. */
  readonly waiting: number;
  /** Whether a conversation holds the most requests that it may. */
  readonly full: boolean;
  /** Whether the socket is not read, because too many requests wait or are held. */
  readonly paused: boolean;
  readonly bucket: TokenBucket;
  /** That of appends (ST6); undefined where no stream was written. */
  readonly appends?: TokenBucket;
  /** When the peer last sent a frame, or read some of the sent bytes. */
  readonly lastReceivedAt: number;
  /** When the next transport ping is due; 0 while the ping sent at `pingedAt` waits for its pong. */
  readonly pingDueAt: number;
  readonly pingedAt: number;
  /** How long the pong may take, in milliseconds. */
  readonly pongTimeout: number;
  /** Whether the client was warned that its quota runs low. */
  readonly quotaWarned: boolean;
}

export interface Closed {
  readonly phase: "closed";
}

export type ConnectionSession = Anonymous | Checking | Live | Closed;

export type ConnectionEvent =
  /**
   * A frame arrived. `request` is the membership's step, for a frame about one conversation; the effect `pass` carries it
   * out. `counted`: the frame was held, and the flood guard counted it when it arrived.
   */
  | {
      readonly type: "frame";
      readonly decoded: DecodeResult;
      readonly request?: { readonly outcome: RequestOutcome } | undefined;
      readonly counted?: boolean;
    }
  /** A binary frame, or one over the size limit. */
  | { readonly type: "bad_frame"; readonly code: 1003 | 1009 }
  /** A transport ping or pong from the peer. */
  | { readonly type: "control" }
  /**
   * The client is admitted. On a socket of one conversation it has joined it, and `opened` is the event for the membership.
   */
  | {
      readonly type: "admitted";
      readonly welcome: ConversationWelcome | UserWelcome;
      readonly term: TokenTerm;
      readonly opened?: OpenedEvent;
    }
  /** A conversation on the socket of a user was opened, and the client has to catch up in it, until `caught_up`. */
  | { readonly type: "catching_up" }
  /** The user waits for an answer that is being written (ST6), which is activity. */
  | { readonly type: "kept_awake" }
  /** Some unsent bytes were sent, so the peer is alive and reads. */
  | { readonly type: "progress" }
  /** A conversation is about to release the requests that it held. */
  | { readonly type: "released" }
  | ConnectionReport
  | { readonly type: "renewed"; readonly term: TokenTerm }
  | { readonly type: "renewal_refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "refused"; readonly code: ErrorCode; readonly message: string }
  /** The machine's clock was set forward by this many milliseconds; a negative number means back. */
  | { readonly type: "clock_stepped"; readonly by: number }
  | { readonly type: "tick"; readonly unsent: number }
  /** Frames were written. `unsent` bytes wait to be sent to the peer, without those of pages (`feed`). */
  | { readonly type: "flushed"; readonly unsent: number; readonly dropped: boolean };

export type ConnectionEffect =
  | SendEffect
  | NoteEffect
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "renew"; readonly token: string }
  /** Hold the frame that was just decoded, and pass it to the session again at `release`. */
  | { readonly type: "hold" }
  | { readonly type: "release" }
  /** Pass the event to the membership. */
  | { readonly type: "open"; readonly opened: OpenedEvent }
  /** Open or close conversations on the socket of a user. */
  | { readonly type: "open_or_close"; readonly frame: ClientFrameOf<"open" | "close"> }
  /** Reply with a page of the inbox, and send its changes from now on. */
  | { readonly type: "inbox"; readonly frame: ClientFrameOf<"inbox"> }
  /** Carry out the `request` of the frame. */
  | { readonly type: "pass" }
  | { readonly type: "ping" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "close"; readonly code: CloseCode; readonly reason: string }
  /** The peer is dead: end the TCP connection, without a close frame, which it would not read. */
  | { readonly type: "terminate" };

export interface ConnectionStep {
  readonly session: ConnectionSession;
  readonly effects: readonly ConnectionEffect[];
}
