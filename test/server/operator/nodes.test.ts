import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ActivityReply } from "../../../src/server/http/routes/operator/activity-schema.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startNodes } from "../nodes/cluster.ts";
import { KEYS, requestsAs, SETTINGS } from "./operator-api.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("OA1 a key made at one node works at the other, and revoked there it is refused here, and its stream ends", async () => {
  await using cluster = await startNodes(redis, 2, SETTINGS);
  const [a, b] = cluster.nodes;
  const { key } = (
    await requestsAs(a, KEYS.ops)("POST /api-keys", { name: "bot", rights: ["read", "write"] })
  ).body;
  const [atA, atB] = [requestsAs(a, key), requestsAs(b, key)];
  await waitUntil("the other node knows it", async () => (await atB("GET /inbox?user=anna")).status === 200);

  const started = await atA("POST /conversations/lobby/streams", { id: "answer", from: "anna" });
  const { stream, generation } = started.body;
  const write = { generation, appends: [{ n: 1, text: "half of " }] };
  expect((await atA(`POST /conversations/lobby/streams/${stream}`, write)).status).toBe(200);
  await using reader = await a.connect("ben", "lobby", "&streams=1");

  const waiting = atA("GET /events?wait=60&types=member.banned");
  await atA("GET /inbox?user=anna");

  expect((await requestsAs(b, KEYS.ops)("DELETE /api-keys/bot")).status).toBe(204);
  expect((await atB("GET /inbox?user=anna")).status).toBe(401);
  await waitUntil("this node knows it", async () => (await atA("GET /inbox?user=anna")).status === 401);
  expect((await waiting).status).toBe(401);
  const message = await reader.next("message");
  expect(message).toMatchObject({ from: "anna", text: "half of ", stream: { stream, state: "interrupted" } });
});

test("OA8 users, nodes and statistics are counted over all nodes", async () => {
  await using cluster = await startNodes(redis, 2, { ...SETTINGS, NODE_LEASE: "3" });
  const [a, b] = cluster.nodes;
  const ops = requestsAs(a, KEYS.ops);
  await ops("PUT /users/anna", { plan: "basic" });
  await using _one = await a.connect("anna");
  await using _other = await b.connect("anna");
  expect((await ops("GET /users/anna")).body.connections).toBe(2);
  await waitUntil("the nodes have announced their connections", async () => {
    const { nodes } = (await ops("GET /nodes")).body as { nodes: { connections: number }[] };
    return nodes.length === 2 && nodes.every(({ connections }) => connections === 1);
  });
  expect((await ops("GET /statistics")).body).toMatchObject({
    server: { connections: 1 },
    cluster: { nodes: 2, connections: 2 },
  });
  let activity: ActivityReply | undefined;
  await waitUntil("each node answers for all of them", async () => {
    const one = (await ops("GET /activity")).body as ActivityReply;
    activity = (await requestsAs(b, KEYS.ops)("GET /activity")).body as ActivityReply;
    return [one, activity].every(({ nodes, silent }) => nodes.length === 2 && silent.length === 0);
  });
  const { nodes } = activity!;
  expect(new Set(nodes.map(({ node }) => node)).size).toBe(2);
  expect(nodes.map(({ url }) => url).sort()).toEqual([a.url, b.url].sort());
  for (const { connections, store } of nodes)
    expect([connections, store]).toEqual([
      { live: 1, opening: 0 },
      { up: true, lag: expect.any(Number) },
    ]);
  // Without Redis a node still answers for itself.
  b.cutOff();
  await waitUntil("it answers for itself", async () => {
    const { nodes } = (await requestsAs(b, KEYS.ops)("GET /activity")).body as ActivityReply;
    return nodes.length === 1 && nodes[0]!.url === b.url && !nodes[0]!.store.up;
  });
});

test("OA1 what was revoked while a node was cut off is refused there when it is back", async () => {
  await using cluster = await startNodes(redis, 2, SETTINGS);
  const [a, b] = cluster.nodes;
  const ops = requestsAs(a, KEYS.ops);
  const { key } = (await ops("POST /api-keys", { name: "lost", rights: ["manage"] })).body;
  const atB = requestsAs(b, key);
  await waitUntil("the other node knows it", async () => (await atB("GET /api-keys")).status === 200);
  b.cutOff();
  await ops("DELETE /api-keys/lost");
  b.heal();
  await waitUntil("the node is back", async () => (await atB("GET /api-keys")).status === 401);
});
