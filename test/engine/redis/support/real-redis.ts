import { afterAll, beforeAll } from "bun:test";
import type { RedisAddress } from "../../../../src/core/redis-address.ts";
import { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { parseRedisUrl } from "../../../../src/server/settings/redis-url.ts";
import { isLong } from "../../../support/random.ts";
import { startRedisCluster } from "../../../support/redis/cluster.ts";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { TIMEOUT_MS } from "../../../support/time/wait-until.ts";

/** How Redis can be run. */
export const KINDS = ["standalone", "cluster"] as const;

/**
 * The scripts are the same on both, and get one key more on one Redis. The short form runs the tests of the engine in Cluster only,
 * which is stricter, because all keys of a call must be in one slot. The tests of many nodes (test/server/nodes, test/delivery,
 * test/chaos) and of commands use the engine on one Redis.
 */
export const KINDS_OF_COMMON_CODE: readonly (typeof KINDS)[number][] = isLong ? KINDS : ["cluster"];

/** A Redis for the tests of one file. */
export interface RealRedis {
  /** A client as a node has one, under `prefix`. */
  connect(prefix: string): Promise<RedisClient>;
}

/** One that another process can connect to as well. */
export interface StartedRedis extends RealRedis {
  /** As REDIS_URL has it. */
  readonly url: string;
  /** The folders of its files. */
  readonly folders: readonly string[];
}

let prefixes = 0;

/** A prefix that no other test has. */
export const freshPrefix = (): string => `test-${++prefixes}`;

/** Starts a Redis with `options` before the tests of the file that calls this, and ends it afterwards. */
export function useRealRedis(kind: (typeof KINDS)[number], options: readonly string[] = []): StartedRedis {
  let server: AsyncDisposable & { readonly url: string };
  const folders: string[] = [];
  beforeAll(async () => {
    if (kind === "cluster") {
      const cluster = await startRedisCluster({ options });
      folders.push(...cluster.nodes.map(({ folder }) => folder));
      server = cluster;
    } else {
      const redis = await startRedis(options);
      folders.push(redis.folder);
      server = redis;
    }
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return {
    get url() {
      return server.url;
    },
    folders,
    connect: (prefix) => connectTo(server.url, prefix),
  };
}

let nodes = 0;

/** A client as a node has one, under `prefix`. */
export async function connectTo(url: string, prefix: string): Promise<RedisClient> {
  const client = new RedisClient({
    address: addressOf(url),
    keys: new Keys(prefix),
    node: `node-${++nodes}`,
    clock: systemClock(),
    emit: new RecordedLog().emit,
  });
  if (await client.start(TIMEOUT_MS)) return client;
  throw new Error(`Redis does not reply: ${client.lastErrorText}`);
}

/** All keys under a client's prefix, but those of probes. */
export async function keysUnder({ primaries, keys }: RedisClient): Promise<string[]> {
  const found = await Promise.all(primaries.map((each) => each.keys(`${keys.prefix}:*`)));
  return found
    .flat()
    .filter((key) => !key.endsWith("}:probe"))
    .sort();
}

/**
 * Makes the keys under a client's prefix older: Redis has no clock that a test could move, but the remaining time to
 * live of every key can be shortened.
 */
export async function age(client: RedisClient, milliseconds: number): Promise<void> {
  const { commands } = client;
  for (const key of await keysUnder(client)) {
    const left = await commands.pttl(key);
    if (left >= 0) await commands.pexpire(key, Math.max(0, left - milliseconds));
  }
}

export function addressOf(url: string): RedisAddress {
  const read = parseRedisUrl(url);
  if ("problem" in read) throw new Error(read.problem);
  return read.value;
}
