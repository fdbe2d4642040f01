import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisAddress } from "../../../core/redis-address.ts";
import { explainUnfinished } from "../migration/unfinished.ts";
import {
  beginStart,
  LOG_INTERVAL_MS,
  type StartStep,
  StoreMisconfigured,
  StoreUnavailable,
} from "../start-step.ts";
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

const ADVICE = " Start it, or correct REDIS_HOST and REDIS_PORT, or REDIS_URL.";

/** Throws StoreMisconfigured where a store is being moved to this Redis and is not whole. */
async function rejectUnfinished(client: RedisClient): Promise<void> {
  const problem = await explainUnfinished(client);
  if (problem !== undefined) throw new StoreMisconfigured(problem);
}

/** Connects to Redis as `connectInSteps` does. */
export async function connect(options: ConnectOptions): Promise<RedisClient> {
  return (await connectInSteps(options)).client;
}

/**
 * Connects to Redis. While it waits, it logs why Redis cannot be used. Throws StoreUnavailable when the time is over, and
 * StoreMisconfigured at once when the user lacks a permission, the database cannot be selected, or the store is half of one that is being moved there.
 *
 * `step` runs what follows in the same time.
 */
export async function connectInSteps(
  options: ConnectOptions,
): Promise<{ readonly client: RedisClient; readonly step: StartStep }> {
  const { address, prefix, node, timeoutMs, clock, emit } = options;
  const client = new RedisClient({ address, keys: new Keys(prefix), node, clock, emit });
  const until = clock.now() + timeoutMs;
  const step = beginStart({ description: client.description, timeoutMs, clock, emit });
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
    try {
      if (options.isMigrating !== true) await step(() => rejectUnfinished(client));
    } catch (error) {
      await client.close();
      throw error;
    }
    return { client, step };
  }
  const { description, lastErrorText, refusesForGood, refuses } = client;
  await client.close();
  if (refusesForGood) throw new StoreMisconfigured(`${description} cannot be used: ${lastErrorText}.`);
  throw new StoreUnavailable(
    `${description} could not be used within ${timeoutMs / 1000} s: ${lastErrorText}.${refuses ? "" : ADVICE}`,
  );
}
