// Rules about the connections that a user holds: how many, and which of two connections of one client stays (W8).

/**
 * Returns the slot of a client in a conversation, or on the socket of a user (undefined). Neither name contains a `/`, and a
 * conversation's name is not empty, so the slot is unique.
 */
export function slotOf(conversation: string | undefined, client: string): string {
  return `${conversation ?? ""}/${client}`;
}

/** Returns whether a user with `held` connections may open another one; a `limit` of 0 means no limit. */
export function canAcquire(held: number, limit: number): boolean {
  return limit === 0 || held < limit;
}

/**
 * The longest time from the handshake of a connection to its lease, in milliseconds. A higher age counts as this one, so that
 * a clock that was set does not keep a client out.
 */
const MAX_ADMISSION_MS = 10_000;

/**
 * Returns the least age at which the holder of a slot is replaced by a connection whose handshake arrived `age` milliseconds
 * ago. Ages may be wrong by `uncertainty`; in doubt the later decision belongs to the newer connection. A handshake that was
 * delayed, perhaps on another node, stays the older one, though the decision about it comes later.
 */
export function replaceableFrom(age: number, uncertainty = 0): number {
  return Math.max(0, Math.min(age, MAX_ADMISSION_MS) - uncertainty);
}

/** Returns whether a connection replaces the holder with the age `holderAge`. A holder with a time in the future had a wrong clock. */
export function replaces(age: number, holderAge: number, uncertainty = 0): boolean {
  return holderAge < 0 || holderAge >= replaceableFrom(age, uncertainty);
}
