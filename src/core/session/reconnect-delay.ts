/** Clients that a server takes back in a second without any of them waiting long. */
const RECONNECTS_PER_SECOND = 200;

/** The least a restart takes, in seconds. */
const RESTART_S = 1;

/**
 * When the client at `index` of `count` should come back after the server's end, in seconds (L1): one after the other,
 * in no more time than so many need, and within `spread` seconds.
 */
export function reconnectDelay(index: number, count: number, spreadSeconds: number): number {
  const needed = Math.min(spreadSeconds, count / RECONNECTS_PER_SECOND);
  return Math.round((RESTART_S + (needed * index) / count) * 1000) / 1000;
}
