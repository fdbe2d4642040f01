import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { presenceOf, SHORT_LEASE, startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("P1 D1 users of all nodes are reported once, and all see the same messages in the same order", async () => {
  await using cluster = await startNodes(redis, 3);
  const [a, b, c] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  expect(await anna.next("presence")).toMatchObject({ user: "ben", state: "joined" });
  await using second = await c.connect("ben");
  const present = second.of("welcome")[0]!.present.map(({ user }) => user);
  expect(present).toEqual(["anna", "ben"]);
  for (let i = 0; i < 20; i++) [anna, ben, second][i % 3]!.send({ type: "message", text: `${i}` });
  await waitUntil("all have received all", async () =>
    [anna, ben, second].every((each) => each.of("message").length === 20),
  );
  for (const each of [ben, second]) expect(each.of("message")).toEqual(anna.of("message"));
  await second[Symbol.asyncDispose]();
  await using cleo = await c.connect("cleo");
  await waitUntil("cleo is reported", async () => presenceOf(anna).includes("+cleo"));
  expect(presenceOf(anna)).toEqual(["+ben", "+cleo"]);
  await ben[Symbol.asyncDispose]();
  await waitUntil("ben is gone", async () => presenceOf(cleo).includes("-ben"));
  await cleo.settled();
  expect(presenceOf(cleo).filter((each) => each === "-ben")).toHaveLength(1);
});

test("P1 a user on two nodes joins once and leaves once, for clients on either node and on a third", async () => {
  await using cluster = await startNodes(redis, 3, { PRESENCE_GRACE: "1" });
  const watchers = await Promise.all(cluster.nodes.map((node, i) => node.connect(`watcher-${i}`)));
  const first = await cluster.nodes[0].connect("ben");
  await waitUntil("all have received it", async () =>
    watchers.every((each) => presenceOf(each).includes("+ben")),
  );
  const second = await cluster.nodes[1].connect("ben");
  await first[Symbol.asyncDispose]();
  const third = await cluster.nodes[0].connect("ben");
  await second[Symbol.asyncDispose]();
  await third[Symbol.asyncDispose]();
  await waitUntil("all have received it", async () =>
    watchers.every((each) => presenceOf(each).includes("-ben")),
  );
  for (const watcher of watchers) {
    await watcher.settled();
    expect(presenceOf(watcher).filter((each) => each.endsWith("ben"))).toEqual(["+ben", "-ben"]);
    await watcher[Symbol.asyncDispose]();
  }
});

test("P1 over HTTP a node without clients lists the present users too, with their read marks", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  anna.send({ type: "message", text: "one" });
  await anna.next("ack");
  anna.send({ type: "read", seq: 1 });
  const ask = async () => {
    const headers = { Authorization: `Bearer ${await b.token("anna")}` };
    return (await fetch(`${b.url}/conversations/lobby/presence`, { headers })).json();
  };
  await waitUntil("the mark is kept", async () => (await ask()).present[0]?.read === 1);
  expect(await ask()).toMatchObject({ present: [{ user: "anna", read: 1 }] });
});

test("P3 P4 typing and read marks of other nodes are delivered, and typing ends with the message", async () => {
  await using cluster = await startNodes(redis, 2);
  const [a, b] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  anna.send({ type: "typing", active: true });
  expect(await ben.next("typing")).toEqual({ type: "typing", user: "anna", active: true });
  anna.send({ type: "message", text: "one" });
  await ben.next("message");
  expect(await ben.next("typing")).toEqual({ type: "typing", user: "anna", active: false });
  ben.send({ type: "read", seq: 1 });
  expect(await anna.next("read")).toEqual({ type: "read", user: "ben", seq: 1 });
  await using cleo = await a.connect("cleo");
  expect(cleo.of("welcome")[0]!.present).toContainEqual(expect.objectContaining({ user: "ben", read: 1 }));
});

test("P2 L3 the users of a disconnected node leave once, and are present again when it is back", async () => {
  await using cluster = await startNodes(redis, 3, SHORT_LEASE);
  const [a, b, c] = cluster.nodes;
  await using anna = await a.connect("anna");
  await using ben = await b.connect("ben");
  await using cleo = await c.connect("cleo");
  await waitUntil("all are present", async () => presenceOf(anna).includes("+cleo"));
  c.cutOff();
  await cleo.next("degraded");
  await waitUntil("cleo is gone", async () => presenceOf(anna).includes("-cleo"));
  await using dora = await a.connect("dora");
  expect(dora.of("welcome")[0]!.present.map(({ user }) => user)).toEqual(["anna", "ben", "dora"]);
  c.heal();
  await cleo.next("recovered");
  await waitUntil(
    "cleo is back",
    async () => presenceOf(ben).filter((each) => each === "+cleo").length === 2,
  );
  const seen = presenceOf(ben).filter((each) => each.endsWith("cleo"));
  expect(seen).toEqual(["+cleo", "-cleo", "+cleo"]);
  ben.send({ type: "message", text: "welcome back" });
  expect(await cleo.next("message")).toMatchObject({ text: "welcome back" });
});

test("L1 P1 a user who moves from a stopping server to another one never leaves", async () => {
  await using cluster = await startNodes(redis, 2, { PRESENCE_GRACE: "5" });
  const [a, b] = cluster.nodes;
  await using ben = await b.connect("ben");
  await using anna = await a.connect("anna");
  anna.send({ type: "message", text: "one" });
  await ben.next("message");
  const { epoch } = anna.of("welcome")[0]!;
  const stopped = a.stop();
  expect(await anna.next("closing")).toMatchObject({ code: 1012, retry_after: 1 });
  ben.send({ type: "message", text: "two" });
  await stopped;
  await using back = await b.connect("anna", "lobby", `&after=1&epoch=${epoch}`);
  expect(back.of("welcome")[0]).toMatchObject({ resumed: true, seq: 2 });
  expect(back.of("welcome")[0]!.present.map(({ user }) => user)).toEqual(["ben", "anna"]);
  expect(await back.next("message")).toMatchObject({ seq: 2, text: "two" });
  await ben.settled();
  expect(presenceOf(ben)).toEqual(["+anna"]);
});
