import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisAddress } from "../../../core/redis-address.ts";
import { explainUnfinished } from "../migration/unfinished.ts";
import { RedisClient } from "./client.ts";
import { Keys } from "./keys.ts";

export interface ConnectOptions {
  readonly address: RedisAddress;
  /** The prefix of all keys. */
  readonly prefix: string;
  /** The name of this node; a node that restarts has another name. */
  readonly node: string;
  /** How long to wait for Redis, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly emit: Emit;
  /** True for a migration: others may not use a Redis to which a store is being moved. */
  readonly isMigrating?: boolean;
}

/** Raised when Redis could not be used within the given time. */
export class StoreUnavailable extends Error {}

const ADVICE = " Start it, or correct REDIS_HOST and REDIS_PORT, or REDIS_URL.";

/** The interval at which a starting node logs that it waits for Redis, in milliseconds. */
const LOG_INTERVAL_MS = 3_000;

/** Raised when Parley cannot use Redis as it is configured. */
export class StoreMisconfigured extends Error {}

/** Throws StoreMisconfigured where a store is being moved to this Redis and is not whole. */
async function rejectUnfinished(client: RedisClient): Promise<void> {
  const problem = await explainUnfinished(client);
  if (problem === undefined) return;
  await client.close();
  throw new StoreMisconfigured(problem);
}

/**
 * Connects to Redis. While it waits, it logs why Redis cannot be used. Throws StoreUnavailable when the time is over, and
 * StoreMisconfigured at once when the user lacks a permission, the database cannot be selected, or the store is half of one that is being moved there.
 */
export async function connect(options: ConnectOptions): Promise<RedisClient> {
  const { address, prefix, node, timeoutMs, clock, emit } = options;
  const client = new RedisClient({ address, keys: new Keys(prefix), node, clock, emit });
  const until = clock.now() + timeoutMs;
  const stopLogging = clock.every(LOG_INTERVAL_MS, () =>
    emit("store.waiting", {
      store: client.description,
      reason: client.lastErrorText,
      seconds_left: Math.max(0, Math.round((until - clock.now()) / 1000)),
    }),
  );
  const connected = await client.start(timeoutMs);
  stopLogging();
  if (connected) {
    if (options.isMigrating !== true) await rejectUnfinished(client);
    return client;
  }
  const { description, lastErrorText, refusesForGood, refuses } = client;
  await client.close();
  if (refusesForGood) throw new StoreMisconfigured(`${description} cannot be used: ${lastErrorText}.`);
  throw new StoreUnavailable(
    `${description} could not be used within ${timeoutMs / 1000} s: ${lastErrorText}.${refuses ? "" : ADVICE}`,
  );
}
