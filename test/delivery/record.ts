import type { Message } from "../../src/client/index.ts";

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
    }
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

/** What clients saw of a server in a run, and what that server has in the end. */
export interface RunRecord {
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
