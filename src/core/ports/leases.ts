// The port for the connections of a user. The rules are in core/lease-rules.ts; `test/contracts/leases.ts` is the contract.

/**
 * The result of acquiring a lease; `replaced`: a newer connection of the same client exists, so this one has to end.
 */
export type AcquireResult = "taken" | "full" | "replaced";

/** The connections that a user's plan allows at a time, counted over all nodes. */
export interface ConnectionLeases {
  /**
   * Takes a lease for one connection of the user, of which the plan allows `limit` (0: any number). A connection that names
   * its client replaces the older connection of that client instead, on any node, also on one that is dead.
   */
  acquire(user: string, limit: number, client?: NamedConnection): Promise<AcquireResult>;
  /**
   * Releases a lease, unless a newer connection of its client has taken it over. MUST NOT throw, nor be lost while the
   * store is unavailable.
   */
  release(user: string, client?: NamedConnection): void;
  /** Returns how many leases the user has, on all nodes that are alive. */
  held(user: string): Promise<number>;
}

/** A connection that names its client. Of the connections of one user with the same `slot` only the newest stays open (W8). */
export interface NamedConnection {
  /** The client and the conversation as one text; see `slotOf`. */
  readonly slot: string;
  /** The time since its handshake arrived, in milliseconds. */
  ageMs(): number;
  /** A newer connection has replaced this one, which MUST end. Called at most once, and within a second if its node runs. */
  onReplaced(): void;
}
