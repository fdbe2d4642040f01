import { Keys } from "../../../src/engine/redis/connection/keys.ts";
import type { Random } from "../../support/random.ts";
import { startRedisCluster } from "../../support/redis/cluster.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { startSentinel } from "../../support/redis/sentinel.ts";
import { FaultProxy } from "../fault-proxy.ts";

/** The Redis of a run with many nodes, and the one thing that it suffers. */
export interface FaultyRedis extends AsyncDisposable {
  /** REDIS_URL of the node with this number. */
  urlFor(node: number): string;
  /**
   * Injects the fault once; resolves when the store works again. Undefined where the nodes fail and not their Redis.
   */
  strike?(random: Random): Promise<void>;
  /** How often it may have lost something; without it, as often as it was struck. */
  losses?(): Promise<number>;
}

export interface RedisFault {
  /** For people. */
  readonly description: string;
  /** Whether Redis itself may lose acked messages. Clients must then be notified; otherwise nothing may be gone. */
  readonly loses: boolean;
  /** Whether quotas and messages are on different servers, so that one may be lost without the other. */
  readonly parts: boolean;
  /** How often it happens in a minute; nodes that are killed and drained are another matter. */
  readonly aMinute: number;
  open(nodes: number): Promise<FaultyRedis>;
}

/** Milliseconds for which Redis is down, or a node is cut off from it: the longest exceed a node's lease. */
const OUTAGE_MS = [200, 3_000] as const;
const PARTITION_MS = [300, 6_000] as const;

/** Milliseconds for which a replica lags before it has to take over. */
const LAG_MS = [300, 1_500] as const;

/**
 * Conversations and users of a run whose slots are moved, or whose primary is killed; any other key would do as well.
 */
const NAMES = new Keys("parley");
const KEYS = [
  NAMES.channelOf("room-0"),
  NAMES.channelOf("room-1"),
  NAMES.userKey("tabs-0", "quota"),
  NAMES.userKey("user-3", "quota"),
  NAMES.globalKey("epoch"),
];

export const REDIS_FAULTS = {
  "node-kill": {
    description: "nodes are killed with -9 or stopped, and restarted after a while",
    ...{ loses: false, parts: false, aMinute: 0 },
    async open() {
      const redis = await startRedis();
      return { urlFor: () => redis.url, [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
    },
  },
  "redis-restart": {
    description: "Redis is killed and started again with its data",
    ...{ loses: false, parts: false, aMinute: 7 },
    open: () => openRestarted(["--appendonly", "yes"]),
  },
  "redis-empty": {
    description: "Redis is killed and started again without its data",
    ...{ loses: true, parts: false, aMinute: 7 },
    open: () => openRestarted([]),
  },
  "failover-fresh": {
    description: "Sentinel: the primary is killed, and a replica that is in step stands in",
    ...{ loses: true, parts: false, aMinute: 7 },
    open: () => openSentinel(false),
  },
  "failover-lagging": {
    description: "Sentinel: the primary is killed, and a replica that lags stands in",
    ...{ loses: true, parts: false, aMinute: 7 },
    open: () => openSentinel(true),
  },
  "cluster-kill": {
    description: "Cluster: a primary is killed, and its replica stands in",
    ...{ loses: true, parts: true, aMinute: 7 },
    async open() {
      const cluster = await startRedisCluster({ replicas: 1 });
      return {
        urlFor: () => cluster.url,
        async strike(random) {
          await cluster.restartAsReplica(await cluster.killPrimary(random.pick(KEYS)));
        },
        [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
      };
    },
  },
  "slot-move": {
    description: "Cluster: slots move to another primary",
    ...{ loses: false, parts: true, aMinute: 60 },
    async open() {
      const cluster = await startRedisCluster();
      return {
        urlFor: () => cluster.url,
        strike: (random) => cluster.moveSlot(random.pick(KEYS)),
        [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
      };
    },
  },
  "redis-cut": {
    description: "a node is cut off from Redis and not from its clients",
    ...{ loses: false, parts: false, aMinute: 7 },
    open: openCut,
  },
} satisfies Record<string, RedisFault> as Record<RedisFaultName, RedisFault>;

export type RedisFaultName =
  | "node-kill"
  | "redis-restart"
  | "redis-empty"
  | "failover-fresh"
  | "failover-lagging"
  | "cluster-kill"
  | "slot-move"
  | "redis-cut";

async function openRestarted(options: readonly string[]): Promise<FaultyRedis> {
  const redis = await startRedis(options);
  return {
    urlFor: () => redis.url,
    async strike(random) {
      await redis.kill();
      await Bun.sleep(random.between(...OUTAGE_MS));
      await redis.restart();
    },
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

async function openSentinel(lags: boolean): Promise<FaultyRedis> {
  const sentinel = await startSentinel();
  return {
    urlFor: () => sentinel.url,
    async strike(random) {
      if (lags) {
        await sentinel.pauseReplication();
        await Bun.sleep(random.between(...LAG_MS));
      }
      await sentinel.restartAsReplica(await sentinel.killPrimary());
    },
    // On a busy machine sentinels may see a server for dead that is not.
    losses: () => sentinel.failovers(),
    [Symbol.asyncDispose]: () => sentinel[Symbol.asyncDispose](),
  };
}

async function openCut(nodes: number): Promise<FaultyRedis> {
  const redis = await startRedis();
  const proxies = await Promise.all(Array.from({ length: nodes }, () => FaultProxy.start()));
  for (const proxy of proxies) proxy.target = redis.port;
  return {
    urlFor: (node) => `redis://127.0.0.1:${proxies[node]!.port}`,
    async strike(random) {
      const proxy = random.pick(proxies);
      proxy.target = undefined;
      // A half-open connection looks healthy to both ends.
      const fault = random.pick(["reset", "half-open"] as const);
      for (const line of proxy.connections) line.inject(fault, 0);
      await Bun.sleep(random.between(...PARTITION_MS));
      proxy.target = redis.port;
    },
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

/** The faults in which Redis loses nothing that was acked. */
export const KEEPING_FAULTS = (Object.keys(REDIS_FAULTS) as RedisFaultName[]).filter(
  (name) => !REDIS_FAULTS[name].loses,
);
