// Each node holds a lease and renews it. A node whose lease expires counts as dead, and another node releases the
// connections and users that it held (P2).
//
//   renew      renew      renew ──────── lease ─────────▶│ expired
//   ──┼──────────┼──────────┼ ✗ crash ────────────────────┼──── swept within a second ──▶
//
// An expired lease is never renewed. A node that comes back after that begins a new incarnation with a new name, and
// registers its users and connections under it. So sweeping the old incarnation removes nothing of the new one.

/** A node as the others see it. Times are in milliseconds since 1970, and the store's. */
export interface NodeEntry {
  readonly id: string;
  /** The name of its current incarnation, under which its users and connections are registered. */
  readonly incarnation: string;
  /** Where its people connect: `http://10.0.0.5:8000`; empty until it listens. */
  readonly url: string;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
  /** How long the store took to answer it last, in milliseconds. */
  readonly lag: number;
  /** Until when its lease runs. */
  readonly until: number;
  /** It has stopped. Until its lease has run out its users may come back through another, and were never away. */
  readonly stopped?: true;
}

/** How often a lease is renewed within its time: two renewals may get lost. */
export const RENEWALS_PER_LEASE = 3;

/** How often survivors look for nodes whose lease has run out, in milliseconds. */
export const SWEEP_INTERVAL_MS = 500;

/** How long nodes may take to find out that the store is there again, in milliseconds. */
const RECONNECT_TIME_MS = 3_000;

/** The nodes whose lease has run out at `now`. */
export function expiredNodes(nodes: readonly NodeEntry[], now: number): NodeEntry[] {
  return nodes.filter(({ until }) => until <= now);
}

/**
 * When a node that is in touch with the store since `connectedSince` may say of others that they are gone. While the
 * store was away nobody could renew, and not all find it again in the same moment.
 */
export function evictionAllowedFrom(connectedSince: number, lease: number): number {
  return connectedSince + Math.max(lease, RECONNECT_TIME_MS);
}

/** What a server says of itself to the other nodes. */
export interface NodeFacts extends Pick<NodeEntry, "url" | "version"> {
  /** Open sockets, as of the call. */
  connections(): number;
}
