import type { Clock } from "../../core/clock.ts";
import type { RedisAddress } from "../../core/redis-address.ts";
import type { EngineLog } from "../engine-log.ts";
import { RedisClient } from "./client.ts";
import { Keys } from "./keys.ts";

export interface ConnectOptions {
  readonly address: RedisAddress;
  /** Begins the name of every key. */
  readonly prefix: string;
  /** Names this node among the others; one that restarts is another. */
  readonly node: string;
  /** How long Redis is waited for, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** Redis was waited for, and did not come. */
export class StoreAway extends Error {}

const ADVICE = " Start it, or correct REDIS_HOST and REDIS_PORT, or REDIS_URL.";

/** How often it is told that Redis is waited for, in milliseconds. */
const SAID_EVERY = 3_000;

/** Redis is there, and Parley cannot use it as it is set up. */
export class StoreUnfit extends Error {}

/**
 * Waits for Redis, and says meanwhile what keeps it. Throws StoreAway when it did not come in time, and StoreUnfit at once
 * when its user lacks a right.
 */
export async function connect(options: ConnectOptions): Promise<RedisClient> {
  const { address, prefix, node, patience, clock, log } = options;
  const client = new RedisClient({ address, keys: new Keys(prefix), node, log });
  const until = clock.now() + patience;
  const stopSaying = clock.every(SAID_EVERY, () =>
    log.warn("store.waiting", {
      store: client.description,
      reason: client.fault,
      seconds_left: Math.max(0, Math.round((until - clock.now()) / 1000)),
    }),
  );
  const answered = await client.start(patience);
  stopSaying();
  if (answered) return client;
  const { description, fault, lacksRight, refuses } = client;
  await client.close();
  if (lacksRight) throw new StoreUnfit(`${description} cannot be used: ${fault}.`);
  throw new StoreAway(
    `${description} could not be used within ${patience / 1000} s: ${fault}.${refuses ? "" : ADVICE}`,
  );
}
