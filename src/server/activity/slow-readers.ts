import type { NodeActivity, SlowReader } from "../../core/activity/node-activity.ts";
import { type CountedConnection, SLOW_READER_BYTES } from "../metrics/count-connections.ts";

/** A connection as it is watched. */
export interface WatchedConnection extends CountedConnection {
  readonly id: string;
  readonly user: string;
  readonly conversations: { readonly conversation: string | undefined };
}

/** How many of the slowest are named. */
const NAMED = 20;

export type ConnectionSummary = Pick<
  NodeActivity,
  "connections" | "unsent_bytes" | "slow_reader_count" | "slow_readers"
>;

/** Finds the connections for which many bytes wait, and remembers since when. */
export class SlowReaders {
  private since = new Map<WatchedConnection, number>();

  /** Looks at all connections. `now` is in milliseconds since 1970. */
  look(connections: Iterable<WatchedConnection>, now: number): ConnectionSummary {
    let [live, opening, unsent] = [0, 0, 0];
    const slow = new Map<WatchedConnection, number>();
    const found: SlowReader[] = [];
    for (const connection of connections) {
      if (connection.isLive) live++;
      else if (!connection.ended) opening++;
      const { unsentBytes } = connection;
      unsent += unsentBytes;
      if (unsentBytes <= SLOW_READER_BYTES) continue;
      const since = this.since.get(connection) ?? now;
      slow.set(connection, since);
      const { id, user, conversations } = connection;
      const { conversation } = conversations;
      found.push({
        ...{ connection: id, user },
        ...(conversation !== undefined && { conversation }),
        ...{ unsent_bytes: unsentBytes, since },
      });
    }
    this.since = slow;
    found.sort((one, other) => other.unsent_bytes - one.unsent_bytes);
    return {
      connections: { live, opening },
      unsent_bytes: unsent,
      slow_reader_count: found.length,
      slow_readers: found.slice(0, NAMED),
    };
  }
}
