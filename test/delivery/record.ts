import type { Message } from "../../src/client/index.ts";
import type { Sanction } from "./membership/sanction.ts";

/** Where a client resumes: the newest message it has, and the epoch in which it got it. */
export interface ResumePoint {
  readonly after: number;
  readonly epoch: string;
}

/** One thing that happened to a client; its record holds them in the order in which they did. */
export type ClientEvent =
  /** A message was sent for the first time. Repeats are not recorded: they must change nothing. */
  | { readonly kind: "sent"; readonly id: string; readonly text: string }
  | {
      readonly kind: "joined";
      /** The resume position in the socket's address; undefined at the first connection. */
      readonly asked: ResumePoint | undefined;
      readonly seq: number;
      readonly epoch: string;
      readonly resumed: boolean;
      readonly lost?: { readonly first: number; readonly last: number };
      readonly present: readonly string[];
      /** When the client asked for it and when it came, in milliseconds since 1970; only in clients whose users are banned. */
      readonly askedAt?: number;
      readonly at?: number;
    }
  /** The server ended the conversation for the client, or did not let it in: the user may not read it. */
  | { readonly kind: "out"; readonly code: string; readonly at: number }
  /** A message was refused, because the user may not write. */
  | { readonly kind: "denied"; readonly id: string; readonly code: string; readonly at: number }
  /** A frame of the conversation came on a socket on which it is not open (MX3). */
  | { readonly kind: "stray"; readonly type: string }
  /** The client has marked the conversation as read up to `seq`; the mark may have been lost with the connection. */
  | { readonly kind: "marked"; readonly seq: number }
  | { readonly kind: "presence"; readonly user: string; readonly state: "joined" | "left" }
  | { readonly kind: "received"; readonly message: Message }
  | {
      readonly kind: "acked";
      readonly id: string;
      readonly seq: number;
      readonly duplicate: boolean;
      /** The conversation was not open on the socket of the user, so that no messages came before the ack (MX3). */
      readonly outside?: boolean;
    }
  /** An error that no network fault and no restart explains. */
  | { readonly kind: "refused"; readonly code: string; readonly text: string };

/** All that one client did and received. */
export interface ClientRecord {
  readonly name: string;
  readonly user: string;
  readonly conversation: string;
  /**
   * Whether acks and messages in `events` are in the order of the connection; a library may report them in another
   * order.
   */
  readonly inLine: boolean;
  readonly events: ClientEvent[];
}

/** A conversation as the store has it in the end. */
export interface StoredConversation {
  readonly epoch: string;
  /** From the oldest that is kept to the newest. */
  readonly messages: readonly Message[];
  /** The present users that a newcomer is sent, without the newcomer. */
  readonly present: readonly string[];
  /** The users who are connected. */
  readonly connected: readonly string[];
}

/** What a server has of the inbox of a user in the end. */
export interface InboxState {
  readonly items: readonly { conversation: string; seq: number; read: number; unread: number }[];
  readonly unread_total: number;
  readonly unread_conversations: number;
}

export interface InboxRecord extends InboxState {
  readonly user: string;
  /** For people: where it was read. */
  readonly source: string;
}

/** What is known of the read mark of a user in a conversation, apart from its clients' records. */
export interface KnownMark {
  /** A mark that was confirmed in the end; 0 for none. */
  readonly confirmed: number;
  /** The newest `seq` when the operator made the user a member, at most. */
  readonly joinedBy: number;
}

/** What was done to users in a run, and what the server has of them in the end. */
export interface MembershipRecord {
  readonly sanctions: readonly Sanction[];
  /** The messages that the operator tried to send in the name of users under a measure. */
  readonly tried: readonly { conversation: string; user: string; id: string; text: string }[];
  /** Milliseconds after which a confirmed measure must have reached every node (MB2). */
  readonly delay: number;
  /** Whether the store may have lost measures at other times than the run knows of. */
  readonly uncertain: boolean;
  /** By conversation: its members in the end, those that it must have (undefined where talking makes members), and its bans. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly expectedMembers: ReadonlyMap<string, readonly string[]>;
  readonly banned: ReadonlyMap<string, readonly string[]>;
  readonly inboxes: readonly InboxRecord[];
  /** By conversation: the oldest message that was kept when the inboxes had been read, where retention may have removed some meanwhile. */
  readonly oldestAfter: ReadonlyMap<string, number>;
  /** By conversation and user, `room-1/user-2`. */
  readonly marks: ReadonlyMap<string, KnownMark>;
}

/** What clients saw of a server in a run, and what that server has in the end. */
export interface RunRecord extends MembershipRecord {
  readonly clients: readonly ClientRecord[];
  readonly stored: ReadonlyMap<string, StoredConversation>;
  /** Requests charged, by user. */
  readonly charged: ReadonlyMap<string, number>;
  /** How often the store may have lost something, as the run made it; only so often may a conversation's epoch change. */
  readonly storesLost: number;
  /** Whether charges and messages were on different servers of which one lost something. */
  readonly partsMayDiffer: boolean;
  /** Whether the server was configured to remove old messages; otherwise it must have them all. */
  readonly retention: boolean;
  /** Unexpected or unclean ends of the server; a sentence for each. */
  readonly crashes: readonly string[];
}

/** The epoch that a client saw last. */
export function lastEpoch({ events }: ClientRecord): string | undefined {
  return events.findLast((event) => event.kind === "joined")?.epoch;
}

/** Whether a client is out of its conversation in the end, because its user may not read it. */
export function isOut({ events }: Pick<ClientRecord, "events">): boolean {
  return events.findLast(({ kind }) => kind === "joined" || kind === "out")?.kind === "out";
}
