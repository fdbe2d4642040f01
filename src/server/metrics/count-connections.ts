import type { ServerState } from "./server-metrics.ts";

/** A socket counts as a slow reader while more than this waits to be sent to it. */
export const SLOW_READER_BYTES = 64 * 1024;

/** The part of a connection that is counted. */
export interface CountedConnection {
  readonly isLive: boolean;
  readonly ended: boolean;
  /** Bytes that wait to be sent. */
  readonly unsentBytes: number;
}

/** Counts connections by phase, and what waits to be sent to them. */
export function countConnections(
  connections: Iterable<CountedConnection>,
): Pick<ServerState, "live" | "opening" | "unsentBytes" | "slowReaders"> {
  let [live, opening, unsentBytes, slowReaders] = [0, 0, 0, 0];
  for (const connection of connections) {
    if (connection.isLive) live++;
    else if (!connection.ended) opening++;
    const unsent = connection.unsentBytes;
    unsentBytes += unsent;
    if (unsent > SLOW_READER_BYTES) slowReaders++;
  }
  return { live, opening, unsentBytes, slowReaders };
}
