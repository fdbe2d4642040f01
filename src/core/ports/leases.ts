// The port for the connections of a user. The rules are in core/lease-rules.ts; `test/contracts/leases.ts` is the contract.

/** What came of asking for a connection; `replaced`: a newer one of the same client is there, so this one is to end. */
export type AcquireResult = "taken" | "full" | "replaced";

/** The connections that a user's plan allows at a time, counted over all nodes. */
export interface ConnectionLeases {
  /**
   * Takes one of the user's connections, of which the plan allows `limit` (0: any number). One that names its client
   * takes the place of its own older one instead, wherever that is, and whether its node lives or not.
   */
  acquire(user: string, limit: number, client?: NamedConnection): Promise<AcquireResult>;
  /** Gives one back, unless a newer one of its client has taken it over. MUST NOT throw, nor be lost while the store is away. */
  release(user: string, client?: NamedConnection): void;
}

/** A connection that names its client: of those of one user with the same `slot` the newest stays (W8). */
export interface NamedConnection {
  /** Which client, in which conversation: see `slotOf`. */
  readonly slot: string;
  /** How long ago its handshake came, in milliseconds. */
  ageMs(): number;
  /** A newer one has taken its place: it ends. Called at most once, and within a second where its node lives. */
  onReplaced(): void;
}
