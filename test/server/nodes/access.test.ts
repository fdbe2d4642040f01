import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("W5 a plan's connections are counted over all nodes", async () => {
  await using cluster = await startNodes(redis, 3, { PLANS: "free:100:3" });
  const [a, b, c] = cluster.nodes;
  const open = await Promise.all([a, b, c].map((node) => node.connect("anna")));
  for (const node of [a, b, c]) {
    const refused = TestClient.open(await node.address("anna"));
    expect(await refused.next("closing")).toMatchObject({ code: 4409 });
  }
  await open[1]![Symbol.asyncDispose]();
  await waitUntil("a connection is free again", async () => {
    const client = TestClient.open(await c.address("anna"));
    return client.next("welcome").then(
      () => true,
      () => false,
    );
  });
  const refused = TestClient.open(await b.address("anna"));
  expect(await refused.next("closing")).toMatchObject({ code: 4409 });
});

test("A3 SEC-T5 a user revoked at one node is disconnected from all of them", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using here = await a.connect("anna");
  await using there = await b.connect("anna");
  await using other = await b.connect("ben");
  await a.revocations.revokeUser("anna", Date.now() + 1_000);
  for (const client of [here, there]) {
    expect(await client.next("closing")).toMatchObject({ code: 4401 });
  }
  await other.settled();
  expect(other.of("closing")).toEqual([]);
});

test("SEC-T6 A3 a user disabled at one node is disconnected from all, and a plan change applies to all", async () => {
  await using cluster = await startNodes(redis, 2, { PLANS: "free:100:5,basic:1000:20" });
  const [a, b] = cluster.nodes;
  for (const user of ["cleo", "dora"]) await a.accounts.add(accountOf(user));
  await using cleo = await b.connect("cleo");
  await using dora = await b.connect("dora");
  await a.accounts.update("cleo", { disabled: true });
  await a.accounts.update("dora", { plan: "basic" });
  expect(await cleo.next("closing")).toMatchObject({ reconnect: false });
  await waitUntil("the plan applies", async () => {
    dora.send({ type: "message", text: "which plan?" });
    return (await dora.next("ack")).quota?.limit === 1_000;
  });
});

test("Q1 the hourly quota is shared by all nodes", async () => {
  await using cluster = await startNodes(redis, 3, { PLANS: "free:30:100", BURST_RATE: "0" });
  const clients = await Promise.all(cluster.nodes.map((node) => node.connect("anna")));
  for (let i = 0; i < 20; i++) for (const client of clients) client.send({ type: "message", text: `${i}` });
  const answers = () => clients.map((client) => [client.of("ack").length, client.of("error").length]);
  const sum = (which: 0 | 1) => answers().reduce((total, each) => total + each[which]!, 0);
  await waitUntil("all have a result", async () => sum(0) + sum(1) === 60);
  expect([sum(0), sum(1)]).toEqual([30, 30]);
  for (const client of clients) await client[Symbol.asyncDispose]();
});
