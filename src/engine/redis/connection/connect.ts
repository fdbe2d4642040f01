import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisAddress } from "../../../core/redis-address.ts";
import { RedisClient } from "./client.ts";
import { Keys } from "./keys.ts";

export interface ConnectOptions {
  readonly address: RedisAddress;
  /** Begins the name of every key. */
  readonly prefix: string;
  /** Names this node among the others; one that restarts is another. */
  readonly node: string;
  /** How long Redis is waited for, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Redis could not be used within the time given. */
export class StoreUnavailable extends Error {}

const ADVICE = " Start it, or correct REDIS_HOST and REDIS_PORT, or REDIS_URL.";

/** How often a start logs that it waits for Redis, in milliseconds. */
const LOG_INTERVAL_MS = 3_000;

/** Redis is there, and Parley cannot use it as it is set up. */
export class StoreMisconfigured extends Error {}

/**
 * Waits for Redis, and logs meanwhile why it cannot be used. Throws StoreUnavailable when the time is over, and
 * StoreMisconfigured at once when the user lacks a permission.
 */
export async function connect(options: ConnectOptions): Promise<RedisClient> {
  const { address, prefix, node, timeoutMs, clock, emit } = options;
  const client = new RedisClient({ address, keys: new Keys(prefix), node, emit });
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
  if (connected) return client;
  const { description, lastErrorText, lacksPermission, refuses } = client;
  await client.close();
  if (lacksPermission) throw new StoreMisconfigured(`${description} cannot be used: ${lastErrorText}.`);
  throw new StoreUnavailable(
    `${description} could not be used within ${timeoutMs / 1000} s: ${lastErrorText}.${refuses ? "" : ADVICE}`,
  );
}
