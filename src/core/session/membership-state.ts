// The types of core/session/membership.ts: the states, events and effects of a membership, which is one conversation on
// one connection.
import type { ClientFrame, ClientFrameOf } from "../../protocol/client-frames.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import type { ChangeRequestFrame } from "../changes/replies.ts";
import type { MemberRefusal } from "../members/refusals.ts";
import type { HistoryResult, PostResult } from "../ports/message-log.ts";
import type { StreamRequestFrame } from "../streams/replies.ts";
import type { CloseReason } from "./close-reason.ts";
import type { NoteEffect, SendEffect } from "./effects.ts";
import type { RequestReply } from "./request-reply.ts";

export interface MembershipRules {
  /** Requests that a membership holds before its connection is paused. */
  readonly maxWaiting: number;
}

/** The conversation is being opened for the client; its requests are held. */
export interface Joining {
  readonly phase: "joining";
  readonly held: number;
}

/** The client is catching up. Its requests are held meanwhile, or an ack would be sent before messages with a lower `seq`. */
export interface Behind {
  readonly phase: "behind";
  /** The `seq` up to which the client was sent all messages. */
  readonly position: number;
  readonly held: number;
  /** Why the client may not write, in a sentence for `forbidden`; undefined when it may. */
  readonly writeRefusal: string | undefined;
}

/** The client is live: it is sent every message when it is stored, so its position is the conversation's newest `seq`. */
export interface Open {
  readonly phase: "open";
  /**
   * The state of a `history` request: at the store, or its page is not completely sent to the peer yet. Undefined for none.
   * The next one is held until then: the pages of several would fill the memory behind a slow connection (B1).
   */
  readonly reading: "asked" | "sent" | undefined;
  /** The number of requests that are held because of it. */
  readonly held: number;
  /** Why the client may not write, in a sentence for `forbidden`; undefined when it may. */
  readonly writeRefusal: string | undefined;
}

/** The membership has ended. No more frames of the conversation are sent. */
export interface Left {
  readonly phase: "left";
}

export type Membership = Joining | Behind | Open | Left;

/** A frame about a conversation, and not about the connection. */
export type RequestFrame =
  | ClientFrameOf<"message" | "history" | "typing" | "read">
  | ChangeRequestFrame
  | StreamRequestFrame;

export type MembershipEvent =
  | { readonly type: "request"; readonly frame: RequestFrame }
  | OpenedEvent
  /** A page of missed messages was queued on the connection; its last message has the `seq` `position`. */
  | { readonly type: "page_sent"; readonly position: number }
  /** All missed messages were queued on the connection, and the member is live. */
  | { readonly type: "caught_up" }
  /** The last page that was queued, and all before it, is sent to the peer. */
  | { readonly type: "page_left" }
  | PostedEvent
  | { readonly type: "history_read"; readonly id?: string; readonly result: HistoryOutcome }
  | RepliedEvent
  /** The connection's token was replaced, and with it the rights. */
  | { readonly type: "rights_changed"; readonly writeRefusal: string | undefined }
  | { readonly type: "left" };

/** The store's result of a message. */
export interface PostedEvent {
  readonly type: "posted";
  readonly id: string;
  readonly conversation: string;
  readonly result: PostResult;
}

/** The reply to a change, to `stream_start` or to `stream_end`, which count as requests that wait. */
export interface RepliedEvent {
  readonly type: "replied";
  readonly reply: RequestReply;
}

/** The store's result of a `history` request, or why the user may not read the conversation. */
export type HistoryOutcome = HistoryResult | { readonly outcome: "refused"; readonly refusal: MemberRefusal };

/** The client has joined the conversation. */
export interface OpenedEvent {
  readonly type: "opened";
  /** Whether the client missed messages that must be read from the store. They are sent in pages until `caught_up`. */
  readonly behind: boolean;
  /** The missed messages are those after this `seq`. */
  readonly position: number;
  readonly writeRefusal: string | undefined;
  /** The newest messages as one encoded frame, which is sent before all other frames of the conversation. */
  readonly shown?: string | undefined;
}

export type MembershipEffect =
  | SendEffect
  | NoteEffect
  /** Send a page of messages, which is encoded already. Until it is sent, its bytes do not count as back-pressure (B1). */
  | { readonly type: "feed"; readonly frame: string }
  /** Hold the request, and pass it to the session again at `release`. */
  | { readonly type: "hold"; readonly frame: RequestFrame }
  | { readonly type: "release" }
  | { readonly type: "post"; readonly frame: ClientFrameOf<"message"> }
  | { readonly type: "read_history"; readonly frame: ClientFrameOf<"history"> }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "mark"; readonly seq: number; readonly epoch: string | undefined }
  | { readonly type: "change"; readonly frame: ChangeRequestFrame }
  | { readonly type: "stream"; readonly frame: StreamRequestFrame }
  | ConnectionReport;

/** The reports of a membership to its connection. They are also events of the connection's step (connection-state.ts). */
export type ConnectionReport =
  /** The store has returned the result of a request. `quota` is the rest of the plan, where the result contains it. */
  | { readonly type: "answered"; readonly quota: Quota | null | undefined }
  | { readonly type: "caught_up" }
  | { readonly type: "end"; readonly ending: CloseReason };

export interface MembershipStep {
  readonly membership: Membership;
  readonly effects: readonly MembershipEffect[];
}

/**
 * The outcome of a request for the connection: it is done at once (`done`), waits for a result of the store (`asked`), is
 * held (`held`), or is held and the membership should get no further requests (`full`).
 */
export type RequestOutcome = "done" | "asked" | "held" | "full";

export interface RequestStep extends MembershipStep {
  readonly outcome: RequestOutcome;
}

/** A membership whose conversation is being opened. One shared object, so that most connections need none of their own. */
export const JOINING: Joining = { phase: "joining", held: 0 };

export const LEFT: Left = { phase: "left" };

// Shared like `JOINING`, by all memberships that may write and wait for nothing.
const OPEN: Open = { phase: "open", reading: undefined, held: 0, writeRefusal: undefined };

/** An open membership that waits for nothing. */
export function openMembership(writeRefusal: string | undefined): Open {
  return writeRefusal === undefined ? OPEN : { ...OPEN, writeRefusal };
}

/** Returns whether a frame is about a conversation. */
export function isRequest(frame: ClientFrame): frame is RequestFrame {
  switch (frame.type) {
    case "message":
    case "history":
    case "edit":
    case "erase":
    case "react":
    case "typing":
    case "read":
    case "stream_start":
    case "stream_append":
    case "stream_end":
    case "stream_cancel":
      return true;
    case "open":
    case "close":
    case "inbox":
    case "ping":
    case "activity":
    case "token":
      return false;
    default:
      return frame satisfies never;
  }
}
