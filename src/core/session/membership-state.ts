// The words of core/session/membership.ts: what a membership, one conversation on one connection, can be, what can
// happen to it, and what it can want done.
import type { ClientFrame, ClientFrameOf } from "../../protocol/client-frames.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import type { HistoryResult, PostResult } from "../ports/message-log.ts";
import type { CloseReason } from "./close-reason.ts";
import type { NoteEffect, SendEffect } from "./effects.ts";

export interface MembershipRules {
  /** Requests that a membership holds before its connection is paused. */
  readonly maxWaiting: number;
}

/** The conversation is being opened for the client; its requests are held. */
export interface Joining {
  readonly phase: "joining";
  readonly held: number;
}

/** The client is sent what it missed. Its requests are held till then, or an ack would come before messages it follows. */
export interface Behind {
  readonly phase: "behind";
  /** The `seq` up to which the client was sent everything. */
  readonly position: number;
  readonly held: number;
  /** Why the client may not write, in a sentence for `forbidden`; undefined when it may. */
  readonly writeRefusal: string | undefined;
}

/** The client is sent every message as it comes, so its position is the conversation's newest `seq`. */
export interface Open {
  readonly phase: "open";
  /**
   * A `history` request: at the store, or answered by a page that has not all left for the peer. Undefined for none.
   * The next one is held till then, or the answers to several would fill the memory behind a slow line (B1).
   */
  readonly reading: "asked" | "sent" | undefined;
  /** Requests held because of that. */
  readonly held: number;
  /** Why the client may not write, in a sentence for `forbidden`; undefined when it may. */
  readonly writeRefusal: string | undefined;
}

/** Nothing more of the conversation is sent. */
export interface Left {
  readonly phase: "left";
}

export type Membership = Joining | Behind | Open | Left;

/** A frame that is about a conversation, and not about the connection. */
export type RequestFrame = ClientFrameOf<"message" | "history" | "typing" | "read">;

export type MembershipEvent =
  | { readonly type: "request"; readonly frame: RequestFrame }
  | OpenedEvent
  /** A page of what was missed was given to the connection; it ends with the message `position`. */
  | { readonly type: "page_sent"; readonly position: number }
  /** All that was missed was given to the connection, and every message follows as it comes. */
  | { readonly type: "caught_up" }
  /** The last page that was sent, and all before it, has left for the peer. */
  | { readonly type: "page_left" }
  | { readonly type: "posted"; readonly id: string; readonly result: PostResult }
  | { readonly type: "history_read"; readonly id?: string; readonly result: HistoryResult }
  /** Another token took the place of the connection's. */
  | { readonly type: "rights_changed"; readonly writeRefusal: string | undefined }
  | { readonly type: "left" };

/** The client is in the conversation from now on. */
export interface OpenedEvent {
  readonly type: "opened";
  /** Whether messages were missed that must be read from the store; they are sent in pages until `caught_up`. */
  readonly behind: boolean;
  /** The `seq` after which what was missed begins. */
  readonly position: number;
  readonly writeRefusal: string | undefined;
  /** The newest messages as one encoded frame, which comes before anything else of the conversation. */
  readonly shown?: string | undefined;
}

export type MembershipEffect =
  | SendEffect
  | NoteEffect
  /** Send a page of messages, which is encoded already. Until it has left, its bytes do not count as unread (B1). */
  | { readonly type: "feed"; readonly frame: string }
  /** Keep the request, and give it again after `release`. */
  | { readonly type: "hold"; readonly frame: RequestFrame }
  | { readonly type: "release" }
  | { readonly type: "post"; readonly frame: ClientFrameOf<"message"> }
  | { readonly type: "read_history"; readonly frame: ClientFrameOf<"history"> }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "mark"; readonly seq: number }
  | ConnectionReport;

/** What the connection must know of its memberships. These are events of its own step, too (connection-state.ts). */
export type ConnectionReport =
  /** The store has answered a request; `quota` is what is left of the plan, where the answer says so. */
  | { readonly type: "answered"; readonly quota: Quota | null | undefined }
  | { readonly type: "caught_up" }
  | { readonly type: "end"; readonly ending: CloseReason };

export interface MembershipStep {
  readonly membership: Membership;
  readonly effects: readonly MembershipEffect[];
}

/**
 * What becomes of a request, as far as it concerns the connection: it is done at once, the store is asked for an answer,
 * it is held, or it is held and the membership should be sent no further one.
 */
export type RequestOutcome = "done" | "asked" | "held" | "full";

export interface RequestStep extends MembershipStep {
  readonly outcome: RequestOutcome;
}

/** A membership whose conversation is being opened. One for all: most connections need no state of their own. */
export const JOINING: Joining = { phase: "joining", held: 0 };

export const LEFT: Left = { phase: "left" };

// Shared like `JOINING`, by all that may write and wait for nothing.
const OPEN: Open = { phase: "open", reading: undefined, held: 0, writeRefusal: undefined };

/** An open membership that waits for nothing. */
export function openMembership(writeRefusal: string | undefined): Open {
  return writeRefusal === undefined ? OPEN : { ...OPEN, writeRefusal };
}

/** Whether a frame is about a conversation. */
export function isRequest(frame: ClientFrame): frame is RequestFrame {
  switch (frame.type) {
    case "message":
    case "history":
    case "typing":
    case "read":
      return true;
    case "ping":
    case "activity":
    case "token":
      return false;
    default:
      return frame satisfies never;
  }
}
