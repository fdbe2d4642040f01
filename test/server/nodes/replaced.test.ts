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

test("W8 P1 who comes back on another node while the first holds a dead line is in at once, and was never away", async () => {
  await using cluster = await startNodes(redis, 3, FULL);
  const [a, b, c] = cluster.nodes;
  await using here = await a.connect("ben");
  await using there = await c.connect("cleo");
  await using ghost = await RawSocket.handshake(
    a.port,
    `/ws/anna/lobby?token=${await a.token("anna")}&client=tab`,
  );
  await ghost.waitForFrame("welcome");
  // It reads nothing and answers nothing any more, as after a change of networks.
  ghost.stopReading();
  await waitUntil("all see who is there", () => presenceOf(there).at(-1) === "+anna");
  const seen = [presenceOf(here), presenceOf(there)];
  await using back = await b.connect("anna", "lobby", "&client=tab");
  await waitUntil("the dead one is ended", () => ends(a).length === 1);
  expect(ends(a)).toEqual([4410]);
  // What a leave would be followed by: somebody else comes, through each of the nodes.
  await using dora = await a.connect("dora");
  await waitUntil("all see who came", () =>
    [here, there].every((client) => presenceOf(client).at(-1) === "+dora"),
  );
  expect([presenceOf(here), presenceOf(there)]).toEqual(seen.map((before) => [...before, "+dora"]));
  expect(dora.of("welcome")[0]?.present.map(({ user }) => user)).toContain("anna");
  await back.settled();
  expect(back.of("closing")).toEqual([]);
});

test("W8 a node that was cut off from Redis ends the connection that was replaced meanwhile, and no other", async () => {
  await using cluster = await startNodes(redis, 2, { ...FULL, NODE_LEASE: "5" });
  const [a, b] = cluster.nodes;
  await using older = await a.connect("anna", "lobby", "&client=tab");
  await using stays = await a.connect("ben", "lobby", "&client=tab");
  a.cutOff();
  await waitUntil("it is away", () => a.log.events().includes("store.unavailable"));
  await using newer = await b.connect("anna", "lobby", "&client=tab");
  expect(older.of("closing")).toEqual([]);
  a.heal();
  expect(await older.closed).toEqual({ code: 4410, reason: "replaced" });
  await stays.settled();
  await newer.settled();
  expect([...stays.of("closing"), ...newer.of("closing")]).toEqual([]);
});

test("W8 of connections of a client that come on all nodes at once one stays", async () => {
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
