/** What came of asking for a connection; `replaced`: a newer one of the same client is there, so this one is to end. */
export type AcquireResult = "taken" | "full" | "replaced";

/** The port for the connections that a user's plan allows at a time, counted over all nodes. */
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

/** The slot of a client in a conversation; neither of the names holds a `/`. */
export function slotOf(conversation: string, client: string): string {
  return `${conversation}/${client}`;
}

/** Whether a user who has `held` connections may have another; a `limit` of 0 is none. */
export function canAcquire(held: number, limit: number): boolean {
  return limit === 0 || held < limit;
}

/**
 * Longest that a connection can take to be let in, in milliseconds. No age above it counts, so that a clock that was
 * moved keeps nobody out.
 */
const MAX_ADMISSION_MS = 10_000;

/**
 * How old the holder of a slot must be to be replaced by a connection whose handshake came `age` milliseconds ago, where
 * ages may be wrong by `doubt`: in doubt the one that is decided about later is the newer one. A handshake that was
 * overtaken on its way, on another node perhaps, is the older one though it is decided about later.
 */
export function replaceableFrom(age: number, uncertainty = 0): number {
  return Math.max(0, Math.min(age, MAX_ADMISSION_MS) - uncertainty);
}

/** Whether a connection replaces its client's one of `holderAge`; a holder of the future is one whose clock was wrong. */
export function replaces(age: number, holderAge: number, uncertainty = 0): boolean {
  return holderAge < 0 || holderAge >= replaceableFrom(age, uncertainty);
}
