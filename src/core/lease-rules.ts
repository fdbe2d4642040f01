// Rules about the connections that a user holds: how many, and which of two connections of one client stays (W8).

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
 * ages may be wrong by `uncertainty`: in doubt the one that is decided about later is the newer one. A handshake that was
 * overtaken on its way, on another node perhaps, is the older one though it is decided about later.
 */
export function replaceableFrom(age: number, uncertainty = 0): number {
  return Math.max(0, Math.min(age, MAX_ADMISSION_MS) - uncertainty);
}

/** Whether a connection replaces its client's one of `holderAge`; a holder of the future is one whose clock was wrong. */
export function replaces(age: number, holderAge: number, uncertainty = 0): boolean {
  return holderAge < 0 || holderAge >= replaceableFrom(age, uncertainty);
}
