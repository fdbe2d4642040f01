// The inbox over several nodes on one Redis: what one node stores, the sockets of another one show.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Random, seeds } from "../../support/random.ts";
import { startRedisCluster } from "../../support/redis/cluster.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { connectUser } from "../socket/user/user-client.ts";
import {
  add,
  change,
  framesOf,
  KEY_ENTRY,
  listOf,
  readInbox,
  remove,
  say,
  unreadBecomes,
} from "./inbox-server.ts";

const START = { standalone: startRedis, cluster: startRedisCluster };

for (const kind of ["standalone", "cluster"] as const) {
  describe(`inbox on nodes, ${kind}`, () => {
    let redis: AsyncDisposable & { readonly url: string };
    beforeAll(async () => {
      redis = await START[kind]();
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    let prefixes = 0;
    const startTwo = async () => {
      const env = { API_KEYS: KEY_ENTRY, REDIS_URL: redis.url, REDIS_PREFIX: `inbox-${++prefixes}` };
      const [a, b] = await Promise.all([startTestServer({ env }), startTestServer({ env })]);
      return {
        a,
        b,
        async [Symbol.asyncDispose]() {
          await Promise.all([a.stop(), b.stop()]);
        },
      };
    };

    test("IN2 what happens on one node comes to the sockets of the other", async () => {
      await using nodes = await startTwo();
      const { a, b } = nodes;
      await add(a, "team", "anna", "ben");
      await using anna = await connectUser(a);
      await using phone = await connectUser(b);
      for (const client of [anna, phone]) {
        client.send({ type: "inbox" });
        await client.next("inbox");
      }
      await say(b, "team", "ben", "1");
      await say(a, "team", "ben", "2");
      for (const client of [anna, phone]) await unreadBecomes(client, { team: 2 });
      phone.send({ type: "read", conversation: "team", seq: 1 });
      for (const client of [anna, phone]) await unreadBecomes(client, { team: 1 });
      await add(b, "other", "anna");
      await say(b, "other", "ben", "1");
      for (const client of [anna, phone]) await unreadBecomes(client, { team: 1, other: 1 });
      await change(a, "team", { user: "anna", role: null });
      for (const client of [anna, phone]) await unreadBecomes(client, { other: 1 });
      for (const client of [anna, phone])
        expect(framesOf(client)).toContainEqual(
          expect.objectContaining({ item: { conversation: "team", removed: true } }),
        );
      // A conversation that an operator removes leaves the lists, too, also where no socket has it open.
      await remove(a, "other");
      for (const client of [anna, phone]) await unreadBecomes(client, {});
    });

    test("IN3 a return at another node brings what has changed", async () => {
      await using nodes = await startTwo();
      const { a, b } = nodes;
      for (const name of ["c1", "c2", "c3"]) await add(a, name, "anna", "ben");
      await using first = await connectUser(a);
      first.send({ type: "inbox" });
      await first.next("inbox");
      const { position } = listOf(first);
      await first[Symbol.asyncDispose]();
      await say(b, "c2", "ben", "1");
      await change(b, "c3", { user: "anna", role: null });
      await using anna = await connectUser(b);
      anna.send({ type: "inbox", after: position });
      const frame = await anna.next("inbox");
      expect(frame).toMatchObject({ more: false, unread_total: 1, unread_conversations: 1 });
      expect(frame).not.toHaveProperty("reset");
      expect(listOf(anna).items.get("c2")).toMatchObject({ unread: 1 });
      expect(framesOf(anna)[0]).toMatchObject({
        items: expect.arrayContaining([{ conversation: "c3", removed: true }]),
      });
    });

    for (const seed of seeds(1045100846)) {
      test(`IN1 unread is exact on every node after any mixture of messages, marks and members (seed ${seed})`, async () => {
        await using nodes = await startTwo();
        const servers = [nodes.a, nodes.b];
        const random = new Random(seed);
        const rooms = ["a", "b", "c"];
        const users = ["anna", "ben"];
        const model = new Map(
          rooms.map((room) => [
            room,
            { seq: 0, read: new Map<string, number>(), removedBy: new Map<string, TestServer>() },
          ]),
        );
        for (const room of rooms) await add(nodes.a, room, ...users);
        for (const { read } of model.values()) for (const user of users) read.set(user, 0);
        const clients = [];
        for (const user of users)
          for (const server of servers) clients.push({ user, client: await connectUser(server, user) });
        for (const { client } of clients) {
          client.send({ type: "inbox" });
          await client.next("inbox");
        }
        const expected = (user: string) => {
          const numbers: Record<string, number> = {};
          for (const [room, { seq, read }] of model)
            if (read.has(user)) numbers[room] = seq - read.get(user)!;
          return numbers;
        };
        for (let step = 0; step < 60; step++) {
          const room = random.pick(rooms);
          const user = random.pick(users);
          const state = model.get(room)!;
          const chance = random.next();
          if (chance < 0.6) {
            const from = random.pick([...users, "cleo"]);
            const server = random.pick(servers);
            await say(server, room, from, String(step));
            state.seq++;
            if (from === "cleo") continue;
            // One who was removed is a member again with a message. Only a node that has not learned of the removal yet takes the
            // message as that of a member, so the store is asked what came of it; the node that removed the user knows.
            const isMember =
              state.read.has(from) ||
              state.removedBy.get(from) === server ||
              (await server.members.read(room, [from])).standings.get(from)?.role !== undefined;
            if (isMember) state.read.set(from, state.seq);
          } else if (chance < 0.9 && state.seq > 0 && state.read.has(user)) {
            const seq = random.between(1, state.seq);
            const { client } = random.pick(clients.filter((each) => each.user === user));
            client.send({ type: "read", conversation: room, seq });
            state.read.set(user, Math.max(state.read.get(user)!, seq));
            await client.settled();
          } else if (state.read.has(user)) {
            const server = random.pick(servers);
            await change(server, room, { user, role: null });
            state.read.delete(user);
            state.removedBy.set(user, server);
          } else {
            await add(random.pick(servers), room, user);
            state.read.set(user, state.seq);
          }
        }
        for (const { user, client } of clients) await unreadBecomes(client, expected(user));
        for (const user of users)
          for (const server of servers) {
            const { items } = await readInbox(server, user);
            const numbers = items.map((item) => [item.conversation, "unread" in item ? item.unread : -1]);
            expect([user, Object.fromEntries(numbers)]).toEqual([user, expected(user)]);
          }
        for (const { client } of clients) await client[Symbol.asyncDispose]();
      });
    }

    // A Cluster that loses a primary is another matter (test/engine/redis/connection/cluster.test.ts).
    test.if(kind === "standalone")(
      "IN2 when Redis was away, the list begins again with what was missed",
      async () => {
        await using own = await startRedis(["--appendonly", "yes"]);
        const env = { API_KEYS: KEY_ENTRY, REDIS_URL: own.url };
        await using server = await startTestServer({ env });
        await add(server, "team", "anna", "ben");
        await using anna = await connectUser(server);
        anna.send({ type: "inbox" });
        await anna.next("inbox");
        await own.kill();
        await anna.next("degraded");
        anna.send({ type: "inbox", id: "i2" });
        expect(await anna.next("error")).toMatchObject({ code: "unavailable", id: "i2", retry_after: 1 });
        await own.restart();
        await anna.next("recovered");
        await say(server, "team", "ben", "1");
        await unreadBecomes(anna, { team: 1 });
        await waitUntil("the list has begun again", () =>
          framesOf(anna).some((frame) => frame.type === "inbox" && frame.reset === true),
        );
      },
    );
  });
}
