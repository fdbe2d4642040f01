// The cost of a batch of 64 messages for Redis and the node, for 1, 8 or 64 conversations of as many users, and of one message, on one
// Redis and on a Cluster of three primaries: `bun bench/standalone/redis-batches.ts`. With the folder of another
// checkout as argument both are measured in the same run, alternately, for a comparison. Costs are processor time, the
// median of the rounds, so that a busy machine changes them little; the time of a batch is the median, and a busy machine changes it much.

import { resolve } from "node:path";
import type { TestNode as Node } from "../../test/engine/redis/support/test-node.ts";
import { startRedisCluster } from "../../test/support/redis/cluster.ts";
import { startRedis } from "../../test/support/redis/redis-server.ts";
import { median } from "../median.ts";

/** Messages of a batch, their conversations, and how many batches a round has. */
const CASES = [
  { size: 1, conversations: 1, batches: 200 },
  { size: 64, conversations: 1, batches: 20 },
  { size: 64, conversations: 8, batches: 20 },
  { size: 64, conversations: 64, batches: 20 },
] as const;
type Case = (typeof CASES)[number];
const ROUNDS = 20;
const WARM_UP_ROUNDS = 5;
const LIMIT = 1_000_000;
const TEXT = "x".repeat(64);

interface Totals {
  batches: number;
  /** Of each round, for one batch. */
  readonly redisMicros: number[];
  readonly nodeMicros: number[];
  calls: number;
  readonly durationsMs: number[];
}

/** Processor time of the main threads of all primaries, in microseconds, and how many scripts they ran. */
async function readRedis({ client }: Node): Promise<{ micros: number; calls: number }> {
  let [micros, calls] = [0, 0];
  for (const primary of client.primaries) {
    const info = `${await primary.info("cpu")}${await primary.info("commandstats")}`;
    for (const kind of ["user", "sys"])
      micros += 1e6 * Number(new RegExp(`used_cpu_${kind}_main_thread:([\\d.]+)`).exec(info)?.[1] ?? 0);
    calls += Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0);
  }
  return { micros, calls };
}

function nodeMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function runBatch(node: Node, { size, conversations }: Case, round: number): Promise<void> {
  const posts = Array.from({ length: size }, (_, i) => {
    const place = `${size}-${conversations}-${round}-${i % conversations}`;
    const fields = { conversation: `room-${place}`, user: `user-${place}` };
    return node.post(crypto.randomUUID(), { ...fields, text: TEXT, limit: LIMIT });
  });
  for (const { outcome } of await Promise.all(posts))
    if (outcome !== "stored") throw new Error(`a message was ${outcome}`);
}

/** Each round has names of its own, so that it does not matter on which primaries they happen to lie. */
async function runRound(node: Node, each: Case, round: number, totals: Totals): Promise<void> {
  await runBatch(node, each, round);
  const before = await readRedis(node);
  const nodeBefore = nodeMicros();
  for (let batch = 0; batch < each.batches; batch++) {
    const started = performance.now();
    await runBatch(node, each, round);
    totals.durationsMs.push(performance.now() - started);
  }
  totals.nodeMicros.push((nodeMicros() - nodeBefore) / each.batches);
  // Earlier commands whose replies are not awaited have run before this reply.
  const after = await readRedis(node);
  totals.redisMicros.push((after.micros - before.micros) / each.batches);
  totals.calls += after.calls - before.calls;
  totals.batches += each.batches;
}

const trees = [resolve(import.meta.dir, "../.."), ...process.argv.slice(2).map((folder) => resolve(folder))];

for (const kind of ["one Redis", "Cluster"] as const) {
  await using server = kind === "Cluster" ? await startRedisCluster() : await startRedis();
  await using stack = new AsyncDisposableStack();
  const nodes: Node[] = [];
  for (const [i, tree] of trees.entries()) {
    const { connectTo } = await import(`${tree}/test/engine/redis/support/real-redis.ts`);
    const { TestNode } = await import(`${tree}/test/engine/redis/support/test-node.ts`);
    nodes.push(stack.use((await TestNode.open(await connectTo(server.url, `bench-${i}`))) as Node));
  }
  for (const each of CASES) {
    const totals = nodes.map(
      (): Totals => ({ batches: 0, redisMicros: [], nodeMicros: [], calls: 0, durationsMs: [] }),
    );
    const ignored: Totals = { batches: 0, redisMicros: [], nodeMicros: [], calls: 0, durationsMs: [] };
    for (let round = -WARM_UP_ROUNDS; round < 0; round++)
      for (const node of nodes) await runRound(node, each, round, ignored);
    for (let round = 0; round < ROUNDS; round++) {
      const order = [...nodes.entries()];
      for (const [i, node] of round % 2 === 0 ? order : order.reverse())
        await runRound(node, each, round, totals[i]!);
    }
    for (const [i, { batches, redisMicros, nodeMicros: micros, calls, durationsMs }] of totals.entries()) {
      const perMessage = (rounds: readonly number[]) => (median(rounds) / each.size).toFixed(1);
      console.log(
        `${kind}, ${each.size} messages for ${each.conversations}, ${trees[i]}: ${(calls / batches).toFixed(1)} calls a batch; a message costs Redis ${perMessage(redisMicros)} µs and the node ${perMessage(micros)} µs; a batch takes ${median(durationsMs).toFixed(2)} ms`,
      );
    }
  }
}
