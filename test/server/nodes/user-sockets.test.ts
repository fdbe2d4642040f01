import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { connectUser, open } from "../socket/user/user-client.ts";
import { presenceOf, startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("MX1 P1 on several nodes each conversation has its own messages, presence, typing and read marks", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using ben = await b.connect("ben", "one");
  await using anna = await connectUser(a);
  await open(anna, "one", "two");
  await waitUntil("ben sees anna", () => presenceOf(ben).includes("+anna"));
  await using cleo = await b.connect("cleo", "two");
  expect(await anna.next("presence")).toMatchObject({ conversation: "two", user: "cleo", state: "joined" });
  ben.send({ type: "typing", active: true });
  expect(await anna.next("typing")).toEqual({
    type: "typing",
    conversation: "one",
    user: "ben",
    active: true,
  });
  ben.send({ type: "message", text: "from ben", id: "b1" });
  expect(await anna.next("message")).toMatchObject({ conversation: "one", seq: 1, text: "from ben" });
  anna.send({ type: "message", conversation: "two", text: "to cleo", id: "a1" });
  expect(await cleo.next("message")).toMatchObject({ seq: 1, from: "anna", text: "to cleo" });
  cleo.send({ type: "read", seq: 1 });
  expect(await anna.next("read")).toEqual({ type: "read", conversation: "two", user: "cleo", seq: 1 });
  anna.send({ type: "close", conversations: ["one"] });
  await waitUntil("anna has left one conversation", () => presenceOf(ben).includes("-anna"));
  await cleo.settled();
  expect(presenceOf(cleo)).toEqual([]);
});

test("MX1 L3 D4 what was missed while a node was away from Redis comes in each conversation before one `recovered`", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await connectUser(a);
  await open(anna, "red", "blue");
  await using ben = await connectUser(b, "ben");
  await open(ben, "red", "blue");
  await waitUntil("both are present", () => anna.of("presence").length === 2);
  a.cutOff();
  await anna.next("degraded");
  for (const conversation of ["red", "blue", "red"]) {
    ben.send({ type: "message", conversation, text: "x", id: crypto.randomUUID() });
    await ben.next("ack");
  }
  a.heal();
  await anna.next("recovered");
  await anna.settled();
  for (const conversation of ["red", "blue"]) {
    const of = (client: TestClient) =>
      client.of("message").filter((one) => one.conversation === conversation);
    expect(of(anna)).toEqual(of(ben));
  }
  const types = anna.frames.map(({ type }) => type);
  expect(types.lastIndexOf("message")).toBeLessThan(types.indexOf("recovered"));
  expect([anna.of("degraded").length, anna.of("recovered").length]).toEqual([1, 1]);
});

test("MX3 P4 a read mark in a conversation that is open on another node only is announced there", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using ben = await b.connect("ben", "away");
  ben.send({ type: "message", text: "x", id: "b1" });
  await ben.next("ack");
  await using anna = await connectUser(a);
  anna.send({ type: "read", conversation: "away", seq: 1 });
  expect(await ben.next("read")).toEqual({ type: "read", user: "anna", seq: 1 });
  await ben.settled();
  expect(presenceOf(ben)).toEqual([]);
});

test("A7 MX1 a ticket for the socket of a user opens it on another node", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  const response = await fetch(`${a.url}/ticket`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await a.token("anna")}` },
  });
  const { ticket } = (await response.json()) as { ticket: string };
  await using anna = await TestClient.connect(`${b.wsUrl}/ws/anna?ticket=${ticket}`);
  await open(anna, "lobby");
});
