import { afterEach, beforeEach, expect, test } from "bun:test";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { presenceOf, SHORT_LEASE, startNodes, type TestNode } from "./cluster.ts";

let redis: TestRedis | undefined;
beforeEach(() => {
  redis = undefined;
});
afterEach(() => redis?.[Symbol.asyncDispose]());

const readiness = async ({ url }: TestNode) => (await fetch(`${url}/readyz`)).status;

test("L3 while Redis is unavailable sockets stay open and are notified; afterwards all is as before", async () => {
  redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  await using cluster = await startNodes(redis, 2, SHORT_LEASE);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  anna.send({ type: "message", text: "before", id: "m1" });
  await ben.next("message");
  await redis.kill();
  for (const client of [anna, ben]) await client.next("degraded");
  expect([await readiness(a), await readiness(b)]).toEqual([503, 503]);

  const headers = { Authorization: `Bearer ${await a.token("anna")}` };
  for (const path of ["/conversations/lobby/messages", "/conversations/hall/presence"]) {
    const answer = await fetch(a.url + path, { headers });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await answer.json()).toMatchObject({ code: "unavailable" });
  }
  anna.send({ type: "message", text: "meanwhile", id: "m2" });
  expect(await anna.next("error")).toMatchObject({ code: "unavailable", id: "m2" });
  const newcomer = TestClient.open(await b.address("cleo"));
  expect(await newcomer.next("error")).toMatchObject({ code: "unavailable" });
  expect(await newcomer.next("closing")).toMatchObject({ code: 1013, reconnect: true });

  // Longer than the lease: every node has to begin a new incarnation, and none may consider another dead.
  await Bun.sleep(1_200);
  await redis.restart();
  for (const client of [anna, ben]) await client.next("recovered");
  expect([await readiness(a), await readiness(b)]).toEqual([200, 200]);
  anna.send({ type: "message", text: "meanwhile", id: "m2" });
  expect(await anna.next("ack")).toMatchObject({ id: "m2", seq: 2 });
  expect(await ben.next("message")).toMatchObject({ seq: 2, text: "meanwhile" });
  await using cleo = await b.connect("cleo");
  expect(cleo.of("welcome")[0]!.present.map(({ user }) => user)).toEqual(["anna", "ben", "cleo"]);
  await waitUntil("cleo is reported", async () => presenceOf(anna).includes("+cleo"));
  // No user leaves, also after the time at which missing users would have left.
  await Bun.sleep(3_500);
  expect(presenceOf(anna)).toEqual(["+ben", "+cleo"]);
  expect(presenceOf(ben)).toEqual(["+cleo"]);
});

test("L3 D5 after Redis came back empty all clients reconnect, and are notified that messages are lost", async () => {
  redis = await startRedis();
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  anna.send({ type: "message", text: "one" });
  await ben.next("message");
  const { epoch } = anna.of("welcome")[0]!;
  await redis.kill();
  for (const client of [anna, ben]) await client.next("degraded");
  await redis.restart();
  for (const client of [anna, ben]) {
    const closing = await client.next("closing");
    expect(closing).toMatchObject({ code: 1012, reason: "the store has lost messages", reconnect: true });
    expect(closing.retry_after).toBeGreaterThan(0);
  }
  const query = `&after=1&epoch=${epoch}`;
  await using again = await a.connect("anna", "lobby", query);
  await using back = await b.connect("ben", "lobby", query);
  for (const client of [again, back]) {
    expect(client.of("welcome")[0]).toMatchObject({ resumed: false, seq: 0 });
    expect(client.of("welcome")[0]!.epoch).not.toBe(epoch);
  }
  again.send({ type: "message", text: "again" });
  expect(await back.next("message")).toMatchObject({ seq: 1, text: "again" });
  await waitUntil("both are present once", async () => {
    await using cleo = await b.connect("cleo");
    return (
      cleo
        .of("welcome")[0]!
        .present.map(({ user }) => user)
        .join() === "anna,ben,cleo"
    );
  });
});

test("W5 L3 a connection closed while Redis was unavailable is released when Redis is back", async () => {
  redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  await using cluster = await startNodes(redis, 2, { PLANS: "free:100:1" });
  const [a, b] = cluster.nodes;
  const anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  await redis.kill();
  await anna.next("degraded");
  await anna[Symbol.asyncDispose]();
  await redis.restart();
  await ben.next("recovered");
  await waitUntil("a connection is free again", async () => {
    const client = TestClient.open(await b.address("anna"));
    const came = await client.next("welcome").catch(() => undefined);
    await client[Symbol.asyncDispose]();
    return came !== undefined;
  });
});
