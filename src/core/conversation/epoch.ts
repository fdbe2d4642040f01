// An epoch is `{store}.{n}`: the id of the store, and how often the conversation of that name was removed in it.
// `store` changes when stored messages may be gone (D5), `n` grows with each removal of the name and outlives it.

/** The epoch of a conversation that was removed `n` times, in the store with the id `store`. */
export function epochOf(store: string, n: number): string {
  return `${store}.${n}`;
}

/**
 * What it means that a client or node knows the epoch `earlier`, while the conversation's epoch is `now`:
 *
 *   same      it is the same conversation
 *   removed   that conversation was removed; another conversation has its name now
 *   lost      the store has lost messages, or it is another store: messages that the client has may be gone
 */
export type EpochRelation = "same" | "removed" | "lost";

export function relationOf(earlier: string, now: string): EpochRelation {
  if (earlier === now) return "same";
  const [theirs, ours] = [parse(earlier), parse(now)];
  const isEarlierIncarnation = theirs !== undefined && theirs.store === ours?.store && theirs.n < ours.n;
  return isEarlierIncarnation ? "removed" : "lost";
}

/** Returns undefined for a text that is not an epoch; a client can send any text. */
function parse(epoch: string): { store: string; n: number } | undefined {
  const [, store, n] = /^(.+)\.(\d{1,15})$/.exec(epoch) ?? [];
  return store === undefined ? undefined : { store, n: Number(n) };
}
