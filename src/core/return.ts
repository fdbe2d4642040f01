/** Clients that a server takes back in a second without any of them waiting long. */
const RETURNS_A_SECOND = 200;

/** The least a restart takes, in seconds. */
const RESTART = 1;

/**
 * When the client at `index` of `count` should come back after the server's end, in seconds (L1): one after the other,
 * in no more time than so many need, and within `spread` seconds.
 */
export function returnAfter(index: number, count: number, spread: number): number {
  const needed = Math.min(spread, count / RETURNS_A_SECOND);
  return Math.round((RESTART + (needed * index) / count) * 1000) / 1000;
}
