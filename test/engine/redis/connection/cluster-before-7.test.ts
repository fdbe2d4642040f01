import { expect, test } from "bun:test";
import { startRedisCluster } from "../../../support/redis/cluster.ts";
import { connectTo, freshPrefix } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

test("D1 D5 in a Cluster before version 7, without sharded channels, nodes receive each other's messages", async () => {
  await using cluster = await startRedisCluster({ options: ["--rename-command", "SPUBLISH", ""] });
  const prefix = freshPrefix();
  const open = async () => {
    const client = await connectTo(cluster.url, prefix);
    expect(client.isSharded).toBe(false);
    return TestNode.open(client);
  };
  await using one = await open();
  await using two = await open();
  for (const conversation of ["a", "b", "c", "d", "e"]) {
    const received = await Promise.all([one.subscribe(conversation), two.subscribe(conversation)]);
    await one.fill(1, 5, { conversation });
    await two.fill(6, 10, { conversation });
    await one.fill(11, 15, { conversation });
    for (const messages of received) {
      for (let tries = 0; messages.length < 15 && tries < 500; tries++) await Bun.sleep(10);
      expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    }
  }
});
