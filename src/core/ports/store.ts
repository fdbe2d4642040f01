import type { NodeEntry, NodeFacts } from "../nodes.ts";
import type { ApiKeyStore } from "./access/api-keys.ts";
import type { AccountStore } from "./accounts.ts";
import type { MemberStore } from "./conversation/members.ts";
import type { Engine } from "./engine.ts";
import type { Feed } from "./feed/feed.ts";
import type { WebhookStore } from "./feed/webhooks.ts";
import type { ConnectionLeases } from "./leases.ts";
import type { ActivityBoard } from "./nodes/activity-board.ts";
import type { PersonStore } from "./person/person-store.ts";
import type { RefreshTokenStore } from "./refresh-tokens.ts";
import type { Relay } from "./relay.ts";
import type { RevocationStore } from "./revocations.ts";
import type { RunOnOneNode } from "./shared-tasks.ts";
import type { ThrottleLimits, ThrottleStore } from "./throttle.ts";
import type { TicketStore } from "./tickets.ts";

/** All ports of one node on one technology. */
export interface Store {
  readonly engine: Engine;
  readonly members: MemberStore;
  readonly feed: Feed;
  readonly webhooks: WebhookStore;
  readonly accounts: AccountStore;
  readonly apiKeys: ApiKeyStore;
  readonly revocations: RevocationStore;
  readonly refreshTokens: RefreshTokenStore;
  readonly signingKeys: SigningKeyStore;
  readonly persons: PersonStore;
  readonly relay: Relay;
  readonly leases: ConnectionLeases;
  readonly runOnOneNode: RunOnOneNode;
  tickets<Holder>(): TicketStore<Holder>;
  throttle(limits: ThrottleLimits): ThrottleStore;
  /** Announces this node with its address and state to the other nodes; called when the server listens. */
  announceNode(facts: NodeFacts): void;
  /** Returns the nodes that share the store; undefined where only one server can use it. */
  nodes(): Promise<SharedNodes | undefined>;
  readonly activityBoard: ActivityBoard;
  measure(): Promise<StoreSize>;
  /** Removes all messages beyond the limits of retention; resolves when they are removed. */
  applyRetention(): Promise<void>;
  close(): Promise<void>;
}

export interface SharedNodes {
  /** Those that have stopped are not among them; those whose lease has expired may be. */
  readonly nodes: readonly NodeEntry[];
  /** The store's time, in milliseconds since 1970. */
  readonly now: number;
}

/** How large a store is. What cannot be known without reading all of it is undefined. */
export interface StoreSize {
  readonly engine: "embedded" | "redis";
  /** The files of the embedded store, or the memory that Redis uses on all its primaries. */
  readonly bytes: number | undefined;
  readonly accounts: number;
  /** The names of conversations that were ever used. */
  readonly conversations: number | undefined;
  /** The messages that were ever stored. */
  readonly messages: number | undefined;
}

/**
 * Digests of the keys that sign tokens. With them a command that signs a token, or another node, notices that its SECRET_KEY is not
 * the one of the servers on the same store. The keys themselves are never in the store.
 */
export interface SigningKeyStore {
  /** Returns the digests that the server that started last has written; none when no server has. */
  read(): Promise<readonly string[]>;
  /** Replaces the digests. They MUST have no spaces. */
  write(digests: readonly string[]): Promise<void>;
}
