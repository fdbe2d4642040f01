// The story: a node that was disconnected from Redis sent `recovered` as soon as it was connected again. Messages from
// meanwhile came after it, and its own users were registered after it: a client that relied on the frame saw a hole.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { presenceOf, SHORT_LEASE, startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("L3 P1 D4 missed messages, presence and read marks come before `recovered`", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  await using cleo = await b.connect("cleo");
  await waitUntil("all are present", () => presenceOf(anna).includes("+cleo"));
  a.cutOff();
  await anna.next("degraded");
  const before = anna.frames.length;

  for (const id of ["m1", "m2", "m3"]) {
    ben.send({ type: "message", text: id, id });
    await ben.next("ack");
  }
  ben.send({ type: "read", seq: 2 });
  await cleo.next("read");
  await using dora = await b.connect("dora");
  const joined = await ben.next("presence");
  expect(joined).toMatchObject({ user: "dora", state: "joined" });

  a.heal();
  await anna.next("recovered");
  await anna.settled();
  const missed = anna.frames.slice(before).filter(({ type }) => type !== "pong");
  const at = missed.findIndex(({ type }) => type === "recovered");
  expect(missed.slice(0, at)).toEqual([...ben.of("message"), joined, ...cleo.of("read")]);
  expect(missed.slice(at)).toEqual([{ type: "recovered", reason: "The store is back." }]);
  expect(dora.frames.length).toBeGreaterThan(0);
});

test("L3 P2 a node registers its users again before it sends `recovered`, also when its lease had expired", async () => {
  await using cluster = await startNodes(redis, 3, SHORT_LEASE);
  const [a, b, quiet] = cluster.nodes;
  await using anna = await a.connect("anna", "hall");
  await using ben = await b.connect("ben", "hall");
  await waitUntil("both are present", () => presenceOf(anna).includes("+ben"));
  b.cutOff();
  await ben.next("degraded");
  await waitUntil("ben is gone", () => presenceOf(anna).includes("-ben"));
  b.heal();
  await ben.next("recovered");
  // A node without sockets in it reads the store.
  const headers = { Authorization: `Bearer ${await quiet.token("anna")}` };
  const answer = await fetch(`${quiet.url}/conversations/hall/presence`, { headers });
  const { present } = (await answer.json()) as { present: { user: string }[] };
  expect(present.map(({ user }) => user)).toEqual(["anna", "ben"]);
});

test("L3 a node is not ready before it has recovered", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna", "den");
  await using ben = await b.connect("ben", "den");
  for (let round = 0; round < 3; round++) {
    a.cutOff();
    await anna.next("degraded");
    ben.send({ type: "message", text: "x" });
    const { seq } = await ben.next("ack");
    a.heal();
    await waitUntil("it is ready", async () => (await fetch(`${a.url}/readyz`)).status === 200);
    await anna.settled();
    expect(anna.of("message").at(-1)?.seq).toBe(seq);
    await anna.next("recovered");
  }
});
