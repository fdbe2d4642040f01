// The frames of a socket of a user, as the library uses them: those of src/protocol, and with the conversation that each is about.
import type { Message, PresentUser, Quota, Range, ServerFrameOf } from "../../protocol/server-frames.ts";

export type Role = "owner" | "moderator" | "member";
export type Access = "anyone" | "members";

/** Until when a user may read and not write, in milliseconds since 1970, and who decided so. */
export interface Muted {
  readonly until?: number;
  readonly by?: string;
}

/** What a conversation is, beside its messages. */
export interface ConversationFacts {
  readonly conversation: string;
  readonly access: Access;
  readonly title?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** The other user of a direct conversation. */
  readonly direct?: string;
  /** The user's own role; missing where the user does not belong. */
  readonly role?: Role;
  readonly muted?: Muted;
  readonly seq: number;
  readonly epoch: string;
  /** When it was made, in milliseconds since 1970. */
  readonly at?: number;
}

/** Sent first on the socket. */
export interface Welcome {
  readonly type: "welcome";
  readonly connection: string;
  readonly user: string;
  readonly plan: string;
  readonly quota: Quota | null;
  /** What the server accepts from the user: numbers, and bytes of a frame and of a stream; `connections` 0: any number. */
  readonly limits: {
    readonly conversations: number;
    readonly connections: number;
    readonly frame_bytes: number;
    readonly stream_bytes: number;
    readonly streams: number;
    /** For how many seconds users may edit and erase their own messages; 0 without an end. */
    readonly edit_seconds: number;
  };
  readonly inactivity: { readonly timeout: number; readonly warning: number };
  /** When it was sent, in milliseconds since 1970. */
  readonly at: number;
}

export interface Opened extends Omit<ConversationFacts, "at"> {
  readonly type: "opened";
  /** The newest change of a message. */
  readonly rev?: number | undefined;
  readonly resumed: boolean;
  /** Too many messages were changed to be sent: what is shown must be read again. */
  readonly reread?: boolean | undefined;
  readonly skipped?: Range;
  readonly lost?: Range;
  readonly read?: number;
  readonly present: readonly PresentUser[];
  readonly present_count: number;
}

/** A message was edited, erased or reacted to. `fold`: all that was missed of it, summed up. */
export type Change = Omit<ServerFrameOf<"change">, "type" | "conversation">;

/** A change of who belongs to a conversation, and of what they may. */
export interface MemberChange {
  readonly conversation: string;
  readonly user: string;
  readonly change: "added" | "removed" | "role" | "muted" | "unmuted" | "banned" | "unbanned";
  readonly role?: Role;
  readonly until?: number;
  readonly by?: string;
  readonly at: number;
}

/** One conversation of the inbox. `last` is the newest message, cut at 140 characters. */
export interface InboxItem {
  readonly conversation: string;
  readonly title?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly access: Access;
  readonly role?: Role;
  readonly direct?: string;
  readonly at: number;
  readonly seq: number;
  readonly epoch: string;
  readonly last: {
    readonly seq: number;
    readonly from: string;
    readonly text: string;
    readonly at: number;
    readonly erased?: true;
  } | null;
  readonly read: number;
  readonly unread: number;
  readonly muted?: Muted;
}

/** A conversation that left the list. */
export interface RemovedItem {
  readonly conversation: string;
  readonly removed: true;
}

interface UnreadCounts {
  readonly unread_total: number;
  readonly unread_conversations: number;
}

export interface InboxPage extends UnreadCounts {
  readonly type: "inbox";
  readonly items: readonly (InboxItem | RemovedItem)[];
  readonly more: boolean;
  readonly cursor?: string;
  readonly position: string;
  readonly reset?: boolean;
  readonly id?: string;
}

export interface InboxChange extends UnreadCounts {
  readonly type: "inbox_item";
  readonly item: InboxItem | RemovedItem;
  readonly position: string;
}

/** How many users are present in a large conversation; `present` when it became small again. */
export interface PresenceCount {
  readonly type: "presence_count";
  readonly count: number;
  readonly present?: readonly PresentUser[];
}

/** A refusal, and what its code names. */
export interface RefusalFrame {
  readonly code: string;
  readonly message: string;
  readonly conversation?: string;
  readonly id?: string;
  readonly retry_after?: number;
  readonly until?: number;
  readonly rev?: number;
  readonly stream?: string;
  readonly n?: number;
  readonly reason?: string;
}

type Shared =
  | "ack"
  | "presence"
  | "typing"
  | "read"
  | "warning"
  | "pong"
  | "degraded"
  | "recovered"
  | "closing"
  | "stream_started"
  | "stream_stored"
  | "stream_cancel"
  | "stream"
  | "stream_append";

/** A frame that the server sends on a socket of a user. Those about a conversation carry its name. */
export type UserFrame = { readonly conversation?: string } & (
  | { [T in Shared]: ServerFrameOf<T> }[Shared]
  | Welcome
  | Opened
  | {
      readonly type: "closed";
      readonly retry_after?: number;
      readonly until?: number;
      readonly code?: string;
      readonly message?: string;
    }
  | (Message & { readonly type: "message"; readonly mine?: readonly string[] })
  | (Change & { readonly type: "change" })
  | {
      readonly type: "history";
      readonly messages: readonly Message[];
      readonly more: boolean;
      readonly mine?: Readonly<Record<number, readonly string[]>>;
      readonly id?: string;
      readonly quota?: Quota | null;
    }
  | PresenceCount
  | ({ readonly type: "member" } & MemberChange)
  | ({ readonly type: "conversation" } & Pick<ConversationFacts, "access" | "title" | "data">)
  | InboxPage
  | InboxChange
  | ({ readonly type: "error"; readonly quota?: Quota | null } & RefusalFrame)
);

/** A frame that the library sends. */
export interface SentFrame {
  readonly type: string;
  readonly conversation?: string | undefined;
  readonly id?: string | undefined;
  readonly [field: string]: unknown;
}
