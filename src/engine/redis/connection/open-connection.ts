import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { RedisAddress } from "../../../core/redis-address.ts";
import { DatabaseNotReached, DatabaseRefused, isNotSignedIn } from "./errors.ts";

/** How long one command may take before Redis counts as unavailable, in milliseconds. */
const COMMAND_TIMEOUT_MS = 3_000;

/** Returns the wait before the next try to connect, in milliseconds. */
const reconnectDelayMs = (tries: number) => Math.min(50 * 2 ** Math.min(tries, 10), 1_000);

/** Opens one connection of a node to Redis, which is opened again whenever it ends. */
export function openConnection(address: RedisAddress, purpose: "commands" | "subscriber"): Redis | Cluster {
  const { kind, hosts, primary, tls, username, password, database } = address;
  const signIn = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
  const options: RedisOptions = {
    ...signIn,
    ...(tls && { tls: {} }),
    connectionName: "parley",
    commandTimeout: COMMAND_TIMEOUT_MS,
    // A dead connection can look open at both ends; then only a new one helps.
    socketTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: true,
    enableAutoPipelining: purpose === "commands",
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectDelayMs,
    // If the primary has become a replica, a new connection is opened to the new primary.
    reconnectOnError: ({ message }) => /\bREADONLY\b/.test(message),
  };
  if (kind === "cluster") {
    const { retryStrategy, maxRetriesPerRequest, enableOfflineQueue, enableAutoPipelining, ...each } =
      options;
    return new Cluster([...hosts], {
      redisOptions: each,
      shardedSubscribers: true,
      enableOfflineQueue: false,
      // Commands in one pipeline would all fail when the slot of one of them has moved to another primary.
      enableAutoPipelining: false,
      clusterRetryStrategy: reconnectDelayMs,
      slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    });
  }
  if (kind === "sentinel") {
    return new Redis({
      ...options,
      sentinels: [...hosts],
      name: primary!,
      ...(password !== undefined && { sentinelPassword: password }),
      // Without this, the connection to the primary that Sentinel names would not be encrypted.
      ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
      sentinelRetryStrategy: reconnectDelayMs,
    });
  }
  const client = new Redis({ ...options, ...hosts[0]!, db: database });
  closeUnlessSelected(client);
  return client;
}

/**
 * Closes a connection on which Redis refuses SELECT, each time it is opened: ioredis only reports the error and goes on with database 0,
 * which may have the store of another installation.
 */
function closeUnlessSelected(client: Redis): void {
  const select = client.select.bind(client);
  client.select = async (database) => {
    try {
      return await select(database);
    } catch (error) {
      if (client.status !== "connect") throw error;
      // Redis refuses every command on such a connection. ioredis closes it, and reports why it could not sign in, unless that is done here.
      if (isNotSignedIn(error)) throw new DatabaseNotReached();
      // ioredis uses the connection when this promise has settled, so it settles when there is none.
      const closed = new Promise((resolve) => client.once("close", resolve));
      client.disconnect(true);
      await closed;
      throw new DatabaseRefused(database, error);
    }
  };
}
