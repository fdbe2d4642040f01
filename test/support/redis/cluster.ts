import { createServer } from "node:net";
import type { Redis } from "ioredis";
import { TIMEOUT_MS, waitUntil } from "../time/wait-until.ts";
import { openConnection, withRedis } from "./connection.ts";
import { startRedis, type TestRedis } from "./redis-server.ts";

/** A real Redis Cluster of three primaries on this machine, with replicas if asked for. */
export interface TestRedisCluster extends AsyncDisposable {
  /** As REDIS_URL has it. */
  readonly url: string;
  /** In the order in which they were started: the primaries first. */
  readonly nodes: readonly TestRedis[];
  /** Returns the first of `nameOf(0)`, `nameOf(1)`, … whose key is on a primary that fits. */
  findName(
    nameOf: (i: number) => string,
    keyOf: (name: string) => string,
    fits: (primary: TestRedis) => boolean,
  ): Promise<string>;
  /**
   * Gives the slot of `key` to the next primary, with all that is in it, while clients go on. `midway` is called when the move has
   * begun and no key has moved, with a client of the old primary.
   */
  moveSlot(key: string, midway?: (source: Redis) => Promise<void>): Promise<void>;
  /** Ends the primary that has `key` with kill -9; resolves with it when its replica has taken over. */
  killPrimary(key: string): Promise<TestRedis>;
  /** Restarts a node that was killed; resolves when it copies the one that took over. */
  restartAsReplica(node: TestRedis): Promise<void>;
}

export interface TestRedisClusterOptions {
  /** Of each primary. */
  readonly replicas?: 0 | 1;
  /** As on the command line of redis-server. */
  readonly options?: readonly string[];
}

const PRIMARIES = 3;
const SLOTS = 16_384;

/**
 * How long a node may be silent before the others take it for dead, in milliseconds. Without replicas no node stands in for it, and
 * on a busy machine, where a node is often silent for a second, the whole Cluster would stop to serve.
 */
const NODE_TIMEOUT_MS = { withReplicas: 1_200, withoutReplicas: 30_000 };

/** Starts a Cluster and waits until every node serves. */
export async function startRedisCluster({
  replicas = 0,
  options = [],
}: TestRedisClusterOptions = {}): Promise<TestRedisCluster> {
  const settings = [
    ["--cluster-enabled", "yes"],
    [
      "--cluster-node-timeout",
      String(replicas > 0 ? NODE_TIMEOUT_MS.withReplicas : NODE_TIMEOUT_MS.withoutReplicas),
    ],
    // A replica takes over from its primary however long it was disconnected from it.
    ["--cluster-replica-validity-factor", "0"],
    // A primary waits for more replicas before it sends the first copy.
    ["--repl-diskless-sync-delay", "0"],
    options,
  ].flat();
  const ports: number[] = [];
  while (ports.length < PRIMARIES * (1 + replicas)) ports.push(await freePortWithBus(ports));
  const nodes = await Promise.all(ports.map((port) => startRedis(settings, port)));
  await formCluster(nodes);
  const runOn = <T>(node: TestRedis, work: (redis: Redis) => Promise<T>) => withRedis(node.port, work);
  return {
    url: `redis://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
    nodes,
    async findName(nameOf, keyOf, fits) {
      for (let i = 0; ; i++) {
        const name = nameOf(i);
        if (fits((await primaryOf(nodes, keyOf(name))).node)) return name;
      }
    },
    async moveSlot(key, midway) {
      const from = await primaryOf(nodes, key);
      const all = await primaries(nodes);
      const to = all[(all.findIndex(({ port }) => port === from.port) + 1) % all.length]!;
      await runOn(from.node, (source) =>
        runOn(to.node, (target) => migrateSlot(key, source, target, to.port, midway)),
      );
      // The others would learn it from each other too, later.
      for (const { port, id } of all)
        if (id !== from.id && id !== to.id)
          await withRedis(port, async (redis) =>
            redis.cluster("SETSLOT", await redis.cluster("KEYSLOT", key), "NODE", to.id),
          );
    },
    async killPrimary(key) {
      const { node } = await primaryOf(nodes, key);
      await node.kill();
      await waitUntil(`another primary has ${key}`, async () => {
        const now = await primaryOf(nodes, key);
        return now.node !== node && (await runOn(now.node, isServing));
      });
      return node;
    },
    async restartAsReplica(node) {
      await node.restart();
      await waitUntil("the node that came back is in step", () => runOn(node, isSynced));
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    },
  };
}

/** Makes one Cluster of fresh nodes: the first three share the slots, each of the others copies one of them. */
async function formCluster(nodes: readonly TestRedis[]): Promise<void> {
  const clients = await Promise.all(nodes.map(({ port }) => openConnection(port)));
  try {
    const ids = await Promise.all(clients.map((redis) => redis.cluster("MYID") as Promise<string>));
    const share = Math.ceil(SLOTS / PRIMARIES);
    await Promise.all(
      clients.map(async (redis, index) => {
        // With the same epoch, nodes would first have to settle which of them is right.
        await redis.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
        if (index >= PRIMARIES) return;
        const last = Math.min(SLOTS, (index + 1) * share);
        const slots = Array.from({ length: last - index * share }, (_, slot) => index * share + slot);
        await redis.call("CLUSTER", "ADDSLOTS", ...slots);
      }),
    );
    // One introduction each would do, but then the nodes discover each other only with a delay.
    for (const [index, redis] of clients.entries())
      for (const { port } of nodes.slice(index + 1)) await redis.call("CLUSTER", "MEET", "127.0.0.1", port);
    await waitUntil("the nodes know each other", async () => {
      const seen = await Promise.all(clients.map(async (redis) => (await clusterNodes(redis)).length));
      return seen.every((count) => count === nodes.length);
    });
    for (const [index, redis] of clients.entries())
      if (index >= PRIMARIES) await redis.call("CLUSTER", "REPLICATE", ids[index - PRIMARIES]!);
    await waitUntil("every node serves", async () =>
      (await Promise.all(clients.map(isServing))).every(Boolean),
    );
    await waitUntil("every replica has its copy", async () =>
      (await Promise.all(clients.slice(PRIMARIES).map(isSynced))).every(Boolean),
    );
  } finally {
    for (const redis of clients) redis.disconnect();
  }
}

async function isServing(redis: Redis): Promise<boolean> {
  return (await redis.cluster("INFO")).includes("cluster_state:ok");
}

async function isSynced(redis: Redis): Promise<boolean> {
  const [role, , , state] = (await redis.role()) as unknown[];
  return role === "slave" && state === "connected";
}

/** Moves one slot as `redis-cli --cluster reshard` does, key by key. */
async function migrateSlot(
  key: string,
  source: Redis,
  target: Redis,
  port: number,
  midway?: (source: Redis) => Promise<void>,
): Promise<void> {
  const slot = await source.cluster("KEYSLOT", key);
  const ids = { source: await source.cluster("MYID"), target: await target.cluster("MYID") };
  await target.cluster("SETSLOT", slot, "IMPORTING", String(ids.source));
  await source.cluster("SETSLOT", slot, "MIGRATING", String(ids.target));
  await midway?.(source);
  for (;;) {
    const keys = (await source.cluster("GETKEYSINSLOT", slot, 10)) as string[];
    if (keys.length === 0) break;
    await source.call("MIGRATE", "127.0.0.1", port, "", 0, TIMEOUT_MS, "KEYS", ...keys);
  }
  await target.cluster("SETSLOT", slot, "NODE", String(ids.target));
  await source.cluster("SETSLOT", slot, "NODE", String(ids.target));
}

interface Primary {
  readonly id: string;
  readonly port: number;
  readonly node: TestRedis;
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** The running primaries, as the first node that replies lists them. */
async function primaries(nodes: readonly TestRedis[]): Promise<Primary[]> {
  for (const { port } of nodes) {
    const lines = await withRedis(port, clusterNodes).catch(() => undefined);
    if (lines === undefined) continue;
    return lines.flatMap(([id = "", address = "", flags = "", , , , , ...slots]) => {
      const node = nodes.find((each) => each.port === Number(/:(\d+)@/.exec(address)?.[1]));
      if (node === undefined || !flags.includes("master") || flags.includes("fail")) return [];
      // Slots in brackets are being moved.
      const ranges = slots
        .filter((range) => !range.startsWith("["))
        .map((range) => range.split("-").map(Number))
        .map(([first = 0, last = first]) => [first, last] as const);
      return { id, port: node.port, node, ranges };
    });
  }
  throw new Error("no node of the Redis Cluster replies");
}

async function primaryOf(nodes: readonly TestRedis[], key: string): Promise<Primary> {
  const slot = await askAny(nodes, (redis) => redis.cluster("KEYSLOT", key));
  for (const deadline = Date.now() + TIMEOUT_MS; ; await Bun.sleep(50)) {
    const found = (await primaries(nodes)).find(({ ranges }) =>
      ranges.some(([first, last]) => first <= slot && slot <= last),
    );
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`no node has the slot of ${key}`);
  }
}

async function askAny<T>(nodes: readonly TestRedis[], work: (redis: Redis) => Promise<T>): Promise<T> {
  return Promise.any(nodes.map(({ port }) => withRedis(port, work)));
}

/** The lines of CLUSTER NODES, cut at spaces. */
async function clusterNodes(redis: Redis): Promise<string[][]> {
  const text = (await redis.call("CLUSTER", "NODES")) as string;
  const lines = text.trim().split("\n");
  return lines.map((line) => line.split(" ")).filter(([, , flags = ""]) => !flags.includes("handshake"));
}

/**
 * A port that is free together with that of the Cluster's bus, 10,000 above it. Below those that the kernel gives to
 * connections, which could take it meanwhile.
 */
async function freePortWithBus(taken: readonly number[]): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    if (!taken.includes(port) && (await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
