import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { presenceOf, startNodes, type TestNode } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const join = (node: TestNode, name: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => node.connect(`${name}-${i}`)));

const leave = (clients: readonly TestClient[]) =>
  Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));

const lastCount = (client: TestClient) => client.of("presence_count").at(-1);

test("LR1 LR2 P1 each node sends the number of the users of all nodes, and all of them when 80 are left", async () => {
  await using cluster = await startNodes(redis, 3);
  const [a, b, c] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  const here = await join(a, "here", 60);
  const elsewhere = await join(b, "elsewhere", 60);
  for (const watcher of [anna, ben]) {
    await waitUntil("it knows the number", async () => lastCount(watcher)?.count === 122);
    const joined = presenceOf(watcher).length;
    expect(joined).toBeLessThanOrEqual(99);
  }
  await using cleo = await c.connect("cleo");
  const welcome = cleo.of("welcome")[0]!;
  expect([welcome.present_count, welcome.present.length]).toEqual([123, 100]);
  expect(welcome.present.some(({ user }) => user === "cleo")).toBe(true);
  await leave(here.splice(0, 43));
  for (const watcher of [anna, ben, cleo]) {
    await waitUntil("it gets the list", async () => lastCount(watcher)?.present !== undefined);
    const { count, present } = lastCount(watcher)!;
    expect(present).toHaveLength(count);
  }
  await waitUntil("80 users are left", async () => {
    const headers = { Authorization: `Bearer ${await c.token("cleo")}` };
    const response = await fetch(`${c.url}/conversations/lobby/presence`, { headers });
    return ((await response.json()) as { present_count: number }).present_count === 80;
  });
  // The last of the leaves may come one by one, after the list.
  const present = (watcher: TestClient) => {
    const at = watcher.frames.findLastIndex(({ type }) => type === "presence_count");
    const users = new Set(lastCount(watcher)!.present!.map(({ user }) => user));
    for (const frame of watcher.frames.slice(at + 1))
      if (frame.type === "presence") users[frame.state === "joined" ? "add" : "delete"](frame.user);
    return [...users].sort();
  };
  const expected = ["anna", "ben", "cleo"];
  for (let i = 43; i < 60; i++) expected.push(`here-${i}`);
  for (let i = 0; i < 60; i++) expected.push(`elsewhere-${i}`);
  expected.sort();
  for (const watcher of [anna, ben, cleo])
    await waitUntil("it knows who is there", async () => present(watcher).join() === expected.join());
  const dora = await b.connect("dora");
  for (const watcher of [anna, ben, cleo])
    await waitUntil("it is notified", async () => presenceOf(watcher).at(-1) === "+dora");
  await leave([...here, ...elsewhere, dora]);
});

test("LR3 a read mark in a large conversation reaches the user's connections on other nodes, and no others", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  anna.send({ type: "message", text: "one" });
  await anna.next("ack");
  await using tab = await b.connect("anna");
  await using ben = await b.connect("ben");
  const crowd = await join(b, "guest", 100);
  for (const watcher of [anna, ben])
    await waitUntil("it is large", async () => lastCount(watcher)?.count === 102);
  crowd[0]!.send({ type: "read", seq: 1 });
  await crowd[0]!.settled();
  anna.send({ type: "read", seq: 1 });
  expect(await tab.next("read")).toEqual({ type: "read", user: "anna", seq: 1 });
  await Promise.all([anna.settled(), ben.settled()]);
  expect([...anna.of("read"), ...ben.of("read"), ...crowd.flatMap((one) => one.of("read"))]).toEqual([]);
  await using third = await a.connect("guest-0");
  const { present } = third.of("welcome")[0]!;
  expect(present.find(({ user }) => user === "guest-0")).toMatchObject({ read: 1 });
  await leave(crowd);
});
