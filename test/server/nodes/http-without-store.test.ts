// HTTP requests, and tokens on open sockets, while Redis is unavailable.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("L3 M5 requests that need the store are refused as unavailable, in the form of each address, and work afterwards", async () => {
  await using cluster = await startNodes(redis, 1);
  const [node] = cluster.nodes;
  const token = await node.token("anna");
  const bearer = { headers: { Authorization: `Bearer ${token}` } };
  node.cutOff();
  await waitUntil("the server has noticed", async () => (await fetch(`${node.url}/readyz`)).status === 503);

  for (const [path, init] of [
    ["/me", bearer],
    ["/ticket", { ...bearer, method: "POST", body: new URLSearchParams({ conversation: "lobby" }) }],
    ["/logout", { ...bearer, method: "POST" }],
    ["/conversations/lobby/messages", bearer],
  ] as const) {
    const answer = await fetch(`${node.url}${path}`, init);
    expect([path, answer.status]).toEqual([path, 503]);
    expect(answer.headers.get("Retry-After")).not.toBeNull();
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      code: "unavailable",
      detail: expect.stringMatching(/^The store .*(cannot be reached|cannot be written)/),
    });
    expect(text.toLowerCase()).not.toContain("redis");
  }
  const body = new URLSearchParams({ username: "anna", password: "wrong password" });
  const signIn = await fetch(`${node.url}/token`, { method: "POST", body });
  expect(signIn.status).toBe(503);
  expect(await signIn.json()).toMatchObject({
    error: "temporarily_unavailable",
    code: "unavailable",
    detail: expect.any(String),
  });

  node.heal();
  await waitUntil("the server has noticed", async () => (await fetch(`${node.url}/readyz`)).status === 200);
  expect((await fetch(`${node.url}/me`, bearer)).status).toBe(200);
});

test("L3 A2 a token that cannot be checked now does not end the socket, and can be sent again", async () => {
  await using cluster = await startNodes(redis, 1);
  const [node] = cluster.nodes;
  await using anna = await node.connect("anna");
  node.cutOff();
  await anna.next("degraded");
  anna.send({ type: "token", token: await node.token("anna") });
  expect(await anna.next("error")).toMatchObject({ code: "unavailable" });
  node.heal();
  await anna.next("recovered");
  anna.send({ type: "token", token: await node.token("anna") });
  await anna.next("token_accepted");
});
