// The port for the connections of a user. The rules are in core/lease-rules.ts; `test/contracts/leases.ts` is the contract.

/**
 * The result of acquiring a lease; `replaced`: a newer connection of the same client exists, so this one has to end.
 */
export type AcquireResult = "taken" | "full" | "replaced";

/** The connections that a user's plan allows at a time, counted over all nodes. */
export interface ConnectionLeases {
  /**
   * Takes one of the user's connections, of which the plan allows `limit` (0: any number). One that names its client
   * takes the place of its own older one instead, wherever that is, and whether its node lives or not.
   */
  acquire(user: string, limit: number, client?: NamedConnection): Promise<AcquireResult>;
  /**
   * Releases a lease, unless a newer connection of its client has taken it over. MUST NOT throw, nor be lost while the
   * store is unavailable.
   */
  release(user: string, client?: NamedConnection): void;
}

/** A connection that names its client: of those of one user with the same `slot` the newest stays (W8). */
export interface NamedConnection {
  /** Which client, in which conversation: see `slotOf`. */
  readonly slot: string;
  /** How long ago its handshake came, in milliseconds. */
  ageMs(): number;
  /** A newer connection has replaced it: it ends. Called at most once, and within a second if its node runs. */
  onReplaced(): void;
}
