import { expect, test } from "bun:test";
import { Cluster } from "ioredis";
import { startRedisCluster, type TestRedisCluster } from "./cluster.ts";

async function connect({ nodes }: TestRedisCluster) {
  const cluster = new Cluster(
    nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    { slotsRefreshTimeout: 5_000, clusterRetryStrategy: () => 50 },
  );
  cluster.on("error", () => {});
  await cluster.ping();
  return { cluster, [Symbol.dispose]: () => cluster.disconnect() };
}

test("a slot moves to another primary with its keys", async () => {
  await using redis = await startRedisCluster();
  using client = await connect(redis);
  for (let i = 0; i < 30; i++) await client.cluster.set(`{moving}:${i}`, i);
  await redis.moveSlot("{moving}");
  for (let i = 0; i < 30; i++) expect(await client.cluster.get(`{moving}:${i}`)).toBe(String(i));
});

test("a replica takes over from a primary that was killed", async () => {
  await using redis = await startRedisCluster({ replicas: 1 });
  using client = await connect(redis);
  await client.cluster.set("{kept}", "yes");
  const killed = await redis.killPrimary("{kept}");
  expect(await client.cluster.get("{kept}")).toBe("yes");
  await redis.restartAsReplica(killed);
  expect(await redis.killPrimary("{kept}")).not.toBe(killed);
  expect(await client.cluster.get("{kept}")).toBe("yes");
});
