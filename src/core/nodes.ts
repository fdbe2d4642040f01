// Nodes hold a lease and renew it; whoever does not is gone, and a survivor gives back what it held (P2).
//
//   renew      renew      renew ──────── lease ─────────▶│ expired
//   ──┼──────────┼──────────┼ ✗ crash ────────────────────┼──── swept within a second ──▶

/** A node as the others see it. Times are in milliseconds since 1970, and the store's. */
export interface NodeEntry {
  readonly id: string;
  /** Where its people connect: `http://10.0.0.5:8000`. */
  readonly url: string;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
  /** How long the store took to answer it last, in milliseconds. */
  readonly lag: number;
  /** Until when its lease runs. */
  readonly until: number;
}

/** How often a lease is renewed within its time: two renewals may get lost. */
export const RENEWALS = 3;

/** How often survivors look for nodes whose lease has run out, in milliseconds. */
export const SWEEP_INTERVAL = 500;

/** The nodes whose lease has run out at `now`. */
export function expired(nodes: readonly NodeEntry[], now: number): NodeEntry[] {
  return nodes.filter(({ until }) => until <= now);
}

/** What a server says of itself to the other nodes. */
export interface NodeFacts extends Pick<NodeEntry, "url" | "version"> {
  /** Open sockets, as of the call. */
  connections(): number;
}
