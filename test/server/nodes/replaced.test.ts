import { afterAll, beforeAll, expect, test } from "bun:test";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { presenceOf, startNodes, type TestNode } from "./cluster.ts";

/** Room for one connection of each user, and no grace: a leave would be seen at once. */
const FULL = { PLANS: "free:100:1", PRESENCE_GRACE: "0" };

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** The codes with which a node ended connections. */
function ends({ log }: TestNode): unknown[] {
  return log.entries
    .filter(({ event }) => event === "connection.closing")
    .map(({ fields }) => fields.close_code);
}

test("W8 P1 a client that reconnects to another node replaces its dead connection, and its user never leaves", async () => {
  await using cluster = await startNodes(redis, 3, FULL);
  const [a, b, c] = cluster.nodes;
  await using here = await a.connect("ben");
  await using there = await c.connect("cleo");
  await using ghost = await RawSocket.handshake(
    a.port,
    `/ws/anna/lobby?token=${await a.token("anna")}&client=tab`,
  );
  await ghost.waitForFrame("welcome");
  // It reads nothing and sends nothing any more, as after a change of networks.
  ghost.stopReading();
  await waitUntil("all see the present users", () => presenceOf(there).at(-1) === "+anna");
  const seen = [presenceOf(here), presenceOf(there)];
  await using back = await b.connect("anna", "lobby", "&client=tab");
  await waitUntil("the dead one is ended", () => ends(a).length === 1);
  expect(ends(a)).toEqual([4410]);
  // Events after a possible leave: another user joins, through each of the nodes.
  await using dora = await a.connect("dora");
  await waitUntil("all see the joins", () =>
    [here, there].every((client) => presenceOf(client).at(-1) === "+dora"),
  );
  expect([presenceOf(here), presenceOf(there)]).toEqual(seen.map((before) => [...before, "+dora"]));
  expect(dora.of("welcome")[0]?.present.map(({ user }) => user)).toContain("anna");
  await back.settled();
  expect(back.of("closing")).toEqual([]);
});

test("W8 a node that was disconnected from Redis ends the connection replaced meanwhile, and no other", async () => {
  await using cluster = await startNodes(redis, 2, FULL);
  const [a, b] = cluster.nodes;
  await using older = await a.connect("anna", "lobby", "&client=tab");
  await using stays = await a.connect("ben", "lobby", "&client=tab");
  a.cutOff();
  await waitUntil("it is unavailable", () => a.log.events().includes("store.unavailable"));
  await using newer = await b.connect("anna", "lobby", "&client=tab");
  expect(older.of("closing")).toEqual([]);
  a.heal();
  expect(await older.closed).toEqual({ code: 4410, reason: "replaced" });
  await stays.settled();
  await newer.settled();
  expect([...stays.of("closing"), ...newer.of("closing")]).toEqual([]);
});

test("W8 of a client's simultaneous connections on all nodes one stays", async () => {
  await using cluster = await startNodes(redis, 3, FULL);
  const clients = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const node = cluster.nodes[i % 3]!;
      const address = `/ws/anna/lobby?token=${await node.token("anna")}&client=tab`;
      return RawSocket.handshake(node.port, address);
    }),
  );
  const ended = () => clients.filter(({ closeFrame }) => closeFrame?.code === 4410).length;
  await waitUntil("eleven are replaced", () => ended() === 11);
  const [stays] = clients.filter(({ closeFrame }) => closeFrame === undefined);
  await stays!.waitForFrame("welcome");
  for (const client of clients) {
    const closings = client.frames.filter(({ type }) => type === "closing");
    expect(closings).toHaveLength(client === stays ? 0 : 1);
    client.socket.destroy();
  }
});
