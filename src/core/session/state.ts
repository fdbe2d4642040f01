// The words of core/session/session.ts: what a connection can be, what can happen to it, and what it can want done.
// Times are in milliseconds.
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { CloseCode } from "../../protocol/close-codes.ts";
import type { DecodeResult } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ServerFrame, ServerFrameOf } from "../../protocol/server-frames.ts";
import type { ConnectionFields, EventFields } from "../events/events.ts";
import type { HistoryResult, PostResult } from "../ports/message-log.ts";
import type { CloseReason } from "./close-reason.ts";
import type { BurstRule, TokenBucket } from "./flood-guard.ts";

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
  /** Frames of one socket that may wait for their answer before it is paused (B2). */
  readonly maxWaiting: number;
  /** Bytes that may be unsent to one socket before it is closed (B1). */
  readonly maxUnsent: number;
}

/** Nobody yet: the credential is to come in a first `token` frame. */
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

/** What the token allows a connection that was let in. */
export interface TokenAccess {
  /** When the connection ends unless the token is renewed; Infinity for never. */
  readonly expiresAt: number;
  /** How long the token is good in all, from its making to its end. */
  readonly lifetime: number;
  /** Why the connection may not write, in a sentence for `forbidden`; undefined when it may. */
  readonly writeRefusal: string | undefined;
}

export interface Live extends Omit<TokenAccess, "lifetime"> {
  readonly phase: "live";
  /** When the client is warned that its token expires; Infinity once it was. */
  readonly expiryWarningAt: number;
  /**
   * While what was missed is being sent: when the client last took some of it. Requests are held till then, or an ack
   * would come before messages it follows. Undefined once it has all.
   */
  readonly catchingUpSince: number | undefined;
  /**
   * A `history` request: at the engine, or answered by a page that has not all left for the peer. Undefined for none.
   * The next one is held till then, or the answers to several would fill the memory behind a slow line (B1).
   */
  readonly reading: "asked" | "sent" | undefined;
  /** Requests held because of these two. */
  readonly held: number;
  readonly activeAt: number;
  readonly inactivityWarned: boolean;
  /** Requests at the engine, unanswered. */
  readonly waiting: number;
  readonly paused: boolean;
  readonly bucket: TokenBucket;
  /** When the peer was last heard, by whatever it sent. */
  readonly lastReceivedAt: number;
  /** When the next transport ping is due, or 0 while `pingedAt` waits for its answer. */
  readonly pingDueAt: number;
  readonly pingedAt: number;
  /** How long the answer to that ping may take, in milliseconds. */
  readonly pongTimeout: number;
  /** The quota ran low, and the client was told. */
  readonly quotaWarned: boolean;
}

export interface Closed {
  readonly phase: "closed";
}

export type Session = Anonymous | Checking | Live | Closed;

export type SessionEvent =
  /** `counted`: it was held, and the guard against floods counted it when it came. */
  | { readonly type: "frame"; readonly decoded: DecodeResult; readonly counted?: true }
  /** A binary frame, or one over the size limit. */
  | { readonly type: "bad_frame"; readonly code: 1003 | 1009 }
  /** A transport ping or pong from the peer. */
  | { readonly type: "control" }
  | {
      readonly type: "admitted";
      readonly welcome: ServerFrameOf<"welcome">;
      readonly access: TokenAccess;
      /** The newest messages as one encoded frame, which comes right after the welcome. */
      readonly shown?: string | undefined;
      /** Missed messages follow, until `caught_up`. */
      readonly behind: boolean;
    }
  /** Some of what was unsent has left for the peer, so it is there and reads. */
  | { readonly type: "progress" }
  /** The last page that was sent, and all before it, has left for the peer. */
  | { readonly type: "page_left" }
  | { readonly type: "caught_up" }
  | { readonly type: "renewed"; readonly access: TokenAccess }
  | { readonly type: "renewal_refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "posted"; readonly id: string; readonly result: PostResult }
  | { readonly type: "read"; readonly id?: string; readonly result: HistoryResult }
  /** The machine's clock was set forward by so many milliseconds; back, where it is less than nothing. */
  | { readonly type: "clock_stepped"; readonly by: number }
  | { readonly type: "tick"; readonly unsent: number }
  /** Bytes are unsent to the peer, beyond the pages that it is being fed. */
  | { readonly type: "flushed"; readonly unsent: number; readonly dropped: boolean }
  /** Something outside this connection ends it. */
  | { readonly type: "end"; readonly ending: CloseReason };

export type Effect =
  | { readonly type: "send"; readonly frame: ServerFrame }
  /** Send a page of messages, which is encoded already. Until it has left, its bytes do not count as unread (B1). */
  | { readonly type: "feed"; readonly frame: string }
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "renew"; readonly token: string }
  /** Keep the frame that was just decoded, and give it again after `release`, as `counted` where this is. */
  | { readonly type: "hold"; readonly counted?: true }
  | { readonly type: "release" }
  | { readonly type: "post"; readonly frame: ClientFrameOf<"message"> }
  | { readonly type: "read"; readonly frame: ClientFrameOf<"history"> }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "mark"; readonly seq: number }
  | { readonly type: "ping" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "close"; readonly code: CloseCode; readonly reason: string }
  /** The peer is gone: cut the line without a farewell that nobody would read. */
  | { readonly type: "terminate" }
  | { readonly type: "note"; readonly note: SessionLogEvent };

/** An event of a session; the connection adds its own fields. */
export type SessionLogEvent = {
  readonly [N in SessionEventName]: { readonly event: N } & Omit<EventFields<N>, keyof ConnectionFields>;
}[SessionEventName];

type SessionEventName =
  | "inactivity.warned"
  | "frame.refused"
  | "token.expiring"
  | "token.renewal_refused"
  | "limit.rate"
  | "limit.flooding"
  | "connection.timed_out"
  | "connection.closing";

export interface Step {
  readonly session: Session;
  readonly effects: readonly Effect[];
}
