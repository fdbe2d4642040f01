// The types of core/session/user/step.ts: one conversation on the socket of a user.
import type { ResumeRequest } from "../../conversation/resume.ts";
import type { CloseReason } from "../close-reason.ts";
import type {
  Behind,
  Joining,
  Left,
  MembershipEffect,
  MembershipEvent,
  Open,
  OpenedEvent,
  RequestFrame,
  RequestOutcome,
} from "../membership-state.ts";

/** A request to open a conversation. `id` comes back in the reply. */
export interface OpenItem {
  readonly type: "open";
  readonly resume: ResumeRequest | undefined;
  readonly id: string | undefined;
}

/** A request to close a conversation. */
export interface CloseItem {
  readonly type: "close";
}

export type UserRequest = RequestFrame | OpenItem | CloseItem;

/** Why the token's rights do not allow reading or writing, in sentences for `forbidden`; undefined where they do. */
export interface Refusals {
  readonly read: string | undefined;
  readonly write: string | undefined;
}

/** What the other conversations of the connection take up. */
export interface Load {
  /** As many conversations are open as may be (MX5). */
  readonly isFull: boolean;
  /** As many pages of history as may be are being read, or wait for the line. */
  readonly isReading: boolean;
}

interface Common {
  readonly refusals: Refusals;
  /** Requests that wait for a result of the store. */
  readonly waiting: number;
  /** Results that still come for requests from before the server closed the conversation. They are not answered any more. */
  readonly voided: number;
}

/** Not open. Requests are carried out as over HTTP, and the user is not present by them (MX3). */
export interface Outside extends Common {
  readonly phase: "outside";
  readonly membership: Open;
}

/** `open` was requested. It waits for the answers to earlier requests, and for its turn (MX2). Further requests are held. */
export interface Queued extends Common {
  readonly phase: "queued";
  readonly item: OpenItem;
  readonly membership: Joining;
}

/** The server joins the conversation for the client. Further requests are held. No request waits for the store. */
export interface Opening extends Common {
  readonly phase: "opening";
  readonly item: OpenItem;
  readonly membership: Joining;
}

/** Open: the client receives what happens in the conversation. */
export interface Inside extends Common {
  readonly phase: "inside";
  readonly membership: Behind | Open;
}

/** `close` was requested, and the room is left. `closed` is sent after the answers to earlier requests. */
export interface Closing extends Common {
  readonly phase: "closing";
  readonly membership: Open;
}

/** The connection has ended. */
export interface Gone extends Common {
  readonly phase: "gone";
  readonly membership: Left;
}

export type UserConversation = Outside | Queued | Opening | Inside | Closing | Gone;

export type UserConversationEvent =
  | { readonly type: "request"; readonly request: UserRequest; readonly load: Load }
  /** The conversation is the next to be opened. */
  | { readonly type: "turn" }
  | OpenedEvent
  /** It could not be opened. */
  | { readonly type: "open_failed"; readonly reason: CloseReason }
  /** The server closes it. */
  | { readonly type: "end"; readonly ending: CloseReason }
  | { readonly type: "rights_changed"; readonly refusals: Refusals }
  | Exclude<MembershipEvent, { type: "request" | "opened" | "rights_changed" }>;

export type UserConversationEffect =
  | Exclude<MembershipEffect, { type: "hold" | "end" }>
  | { readonly type: "hold"; readonly frame: UserRequest }
  /** Open it when its turn comes. */
  | { readonly type: "queue" }
  /** Join the conversation, and apply `opened` or `open_failed`. */
  | { readonly type: "join"; readonly item: OpenItem }
  /** The client catches up from now on, until `caught_up` or `leave`. */
  | { readonly type: "catching_up" }
  /** Leave the room. `reopens`: the conversation is opened again at once, so other users must not see a leave. */
  | { readonly type: "leave"; readonly reopens: boolean }
  /** Drop the frames of the conversation that wait for the line, and the requests that are held, except for `open` and `close`. */
  | { readonly type: "drop" };

export interface UserConversationStep {
  readonly state: UserConversation;
  readonly effects: readonly UserConversationEffect[];
}

export interface UserRequestStep extends UserConversationStep {
  readonly outcome: RequestOutcome;
}
