// Each node holds a lease and renews it. A node whose lease expires counts as dead, and another node releases the
// connections and users that it held (P2).
//
//   renew      renew      renew ──────── lease ─────────▶│ expired
//   ──┼──────────┼──────────┼ ✗ crash ────────────────────┼──── swept within a second ──▶
//
// An expired lease is never renewed. A node that comes back after that begins a new incarnation with a new name, and
// registers its users and connections under it. So sweeping the old incarnation removes nothing of the new one.

/** A node in the list of nodes. Times are in milliseconds since 1970, by the store's clock. */
export interface NodeEntry {
  readonly id: string;
  /** The name of its current incarnation, under which its users and connections are registered. */
  readonly incarnation: string;
  /** The address for its clients: `http://10.0.0.5:8000`; empty until it listens. */
  readonly url: string;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
  /** The duration of its last request to the store, in milliseconds. */
  readonly lag: number;
  /** The time at which its lease expires. */
  readonly until: number;
  /** Whether it has stopped. Until its lease expires, users who reconnect to another node stay present. */
  readonly stopped?: true;
}

/** The number of renewals within the time of a lease, so that two may fail. */
export const RENEWALS_PER_LEASE = 3;

/** How often a node checks for others whose lease has expired, in milliseconds. */
export const SWEEP_INTERVAL_MS = 500;

/** How long nodes may take to notice that the store is available again, in milliseconds. */
const RECONNECT_TIME_MS = 3_000;

/** Returns the nodes whose lease has expired at `now`. */
export function expiredNodes(nodes: readonly NodeEntry[], now: number): NodeEntry[] {
  return nodes.filter(({ until }) => until <= now);
}

/**
 * Returns from when on a node that is connected to the store since `connectedSince` may treat others as dead. While the store
 * was unavailable no node could renew its lease, and not all nodes reconnect at the same time.
 */
export function evictionAllowedFrom(connectedSince: number, lease: number): number {
  return connectedSince + Math.max(lease, RECONNECT_TIME_MS);
}

/** What a node publishes about itself for the other nodes. */
export interface NodeFacts extends Pick<NodeEntry, "url" | "version"> {
  /** Returns the present number of open sockets. */
  connections(): number;
}
