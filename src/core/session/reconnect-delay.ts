/** The number of reconnecting clients that a server can admit in a second without long waits. */
const RECONNECTS_PER_SECOND = 200;

/** The shortest time that a restart takes, in seconds. */
const RESTART_S = 1;

/**
 * Returns when the client at `index` of `count` should reconnect after the server stops, in seconds (L1). The reconnects are
 * spread evenly over the time that so many clients need, and over at most `spreadSeconds`.
 */
export function reconnectDelay(index: number, count: number, spreadSeconds: number): number {
  const needed = Math.min(spreadSeconds, count / RECONNECTS_PER_SECOND);
  return Math.round((RESTART_S + (needed * index) / count) * 1000) / 1000;
}
