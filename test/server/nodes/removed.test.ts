import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { removeConversation } from "../removal.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("MB6 a removal reaches every client on every node, and each node refuses returning clients", async () => {
  const prefix = "removed";
  await using cluster = await startNodes(redis, 3, { REDIS_PREFIX: prefix });
  const [a, b, c] = cluster.nodes;
  const clients = [await a.connect("anna"), await b.connect("ben"), await b.connect("cleo")];
  const { epoch } = clients[0]!.of("welcome")[0]!;
  clients[0]!.send({ type: "message", id: "1", text: "hello" });
  for (const client of clients) await client.next("message");
  await removeConversation({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_PREFIX: prefix });
  for (const client of clients) {
    expect(await client.closed).toEqual({ code: 4404, reason: "removed" });
    expect(client.of("closing")).toEqual([
      { type: "closing", code: 4404, reason: "removed", reconnect: false },
    ]);
  }
  // A node without clients in it knows it, too.
  for (const node of [a, c])
    await expect(node.connect("anna", "lobby", `&after=1&epoch=${epoch}`)).rejects.toThrow("error, closing");
  await using reopened = await c.connect("dora");
  expect(reopened.of("welcome")[0]).toMatchObject({
    epoch: `${epoch.split(".")[0]}.1`,
    seq: 1,
    present: [{ user: "dora" }],
  });
});
