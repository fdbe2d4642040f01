import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { ask, disturb, nameOf } from "../faults/fault-server.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("D3 D4 the node with the socket makes the fault; a reconnect to another node misses nothing", async () => {
  await using cluster = await startNodes(redis, 2, { TEST_FAULTS: "true" });
  const [a, b] = cluster.nodes;
  await using ben = await b.connect("ben");
  const anna = await a.connect("anna");
  expect((await ask(b, "anna", nameOf(anna), { do: "cut" })).status).toBe(404);
  await disturb(a, anna, { do: "lose", next: "ack", count: 1 });
  anna.send({ type: "message", id: "m1", text: "m1" });
  await ben.next("message");
  await disturb(a, anna, { do: "cut" });
  expect(await anna.closed).toMatchObject({ code: 1006 });
  const { epoch, seq } = anna.of("welcome")[0]!;
  await using back = await b.connect("anna", "lobby", `&after=${seq}&epoch=${epoch}`);
  expect(await back.next("message")).toMatchObject({ seq: 1, id: "m1" });
  back.send({ type: "message", id: "m1", text: "m1" });
  expect(await back.next("ack")).toMatchObject({ seq: 1, duplicate: true, quota: { remaining: 99 } });
});

test("Q1 a quota that is filled through one node is full on the other", async () => {
  await using cluster = await startNodes(redis, 2, { TEST_FAULTS: "true", PLANS: "free:450:5" });
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  const { quota } = await disturb(a, anna, { do: "fill_quota" });
  expect(quota).toMatchObject({ limit: 450, remaining: 0 });
  await using twin = await b.connect("anna");
  twin.send({ type: "message", id: "m1", text: "m1" });
  expect(await twin.next("error")).toMatchObject({ code: "rate_limited", id: "m1" });
});
