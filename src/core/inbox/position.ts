import type { Grants } from "../access/grants.ts";

/**
 * A position says up to when a client has the changes of its inbox (IN3): `{store}.{time}.{scope}`. `store` is the name of the
 * store, whose changes may be gone when it has another one. `time` is the store's, in base 36. `scope` is a digest of the
 * conversations that the token allows: with other patterns the list is another one.
 */
export interface Position {
  readonly store: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly scope: string;
}

/**
 * How much earlier than the time of a position the changes begin that are sent again, in milliseconds. Nodes and the primaries
 * of a Cluster have clocks of their own, and a change becomes known to a node a little later.
 */
export const POSITION_SLACK_MS = 10_000;

export function encodePosition({ store, time, scope }: Position): string {
  return `${store}.${time.toString(36)}.${scope}`;
}

/** Returns undefined for a text that is not a position; a client can send any text. */
export function decodePosition(text: string): Position | undefined {
  const [, store, time, scope] = /^([\w-]{1,64})\.([0-9a-z]{1,10})\.([0-9a-z]{1,8})$/.exec(text) ?? [];
  return store === undefined ? undefined : { store, time: Number.parseInt(time!, 36), scope: scope! };
}

/**
 * Returns the time since which changes are sent to a client that has `after`; undefined if it needs the whole list, because
 * its position is of another store or another token, or so old that conversations which left the list are forgotten.
 */
export function changesSince(after: Position, now: Position, memoryMs: number): number | undefined {
  if (after.store !== now.store || after.scope !== now.scope) return undefined;
  const since = after.time - POSITION_SLACK_MS;
  return since > now.time - memoryMs ? since : undefined;
}

/** Returns the scope of a token: the same for tokens that show the same conversations, in whatever order they name them. */
export function scopeOf({ conversations, rights }: Grants): string {
  if (rights?.includes("read") === false) return "1";
  if (conversations === undefined) return "0";
  const text = [...new Set(conversations)].sort().join(" ");
  // FNV-1a. A collision needs two tokens of one user that were made for it.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
