import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

// On one machine a batch was stored in the turn in which it arrived; over a network the close frame had overtaken the
// acks.
test("L1 D2 messages that had arrived at a node are stored, and their acks come before the close frame", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  const anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  for (let i = 0; i < 20; i++) anna.send({ type: "message", text: "x", id: `m${i}` });
  await anna.settled();
  await a.stop();
  await anna.closed;
  expect(anna.of("ack")).toHaveLength(20);
  expect(anna.frames.at(-1)).toMatchObject({ type: "closing", code: 1012 });
  await waitUntil("ben has received them", async () => ben.of("message").length >= 20);
  expect(ben.of("message").map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});
