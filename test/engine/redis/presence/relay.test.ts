import { describe, expect, test } from "bun:test";
import { NodeRegistry } from "../../../../src/engine/redis/presence/node-registry.ts";
import { Random, seeds } from "../../../support/random.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { FeedReader } from "../support/feed-reader.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";
import { LEASE_MS, MARK_PREFIX, type RecordedEvents, TestRelayNode } from "../support/test-relay-node.ts";

/** How often a mark is sent until all have received it, in milliseconds. */
const MARK_INTERVAL_MS = 1_000;

/** The present users, from the recorded events; throws when a user joined or left twice. */
function presentBy(events: readonly string[]): string[] {
  const present = new Set<string>();
  for (const each of events) {
    const user = each.slice(1);
    if (each.startsWith("+") && present.has(user)) throw new Error(`${user} joined twice: ${events}`);
    if (each.startsWith("-") && !present.delete(user)) throw new Error(`${user} was not present: ${events}`);
    if (each.startsWith("+")) present.add(user);
  }
  return [...present].sort();
}

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  async function openNodes(count: number) {
    const prefix = freshPrefix();
    const clock = new ManualClock();
    const stack = new AsyncDisposableStack();
    /** All nodes, also those that a test opens later. */
    const all: TestRelayNode[] = [];
    const open = async () => {
      const node = stack.use(await TestRelayNode.open(redis, prefix, clock));
      all.push(node);
      return node;
    };
    for (let i = 0; i < count; i++) await open();
    /** Advances the clock in steps, and waits for the work of each step. */
    const pass = async (milliseconds: number) => {
      for (let passed = 0; passed < milliseconds; passed += 250) {
        clock.advance(250);
        // However slow this machine is now: a lease that is renewed too late would be one that expired.
        await Promise.all(all.map((node) => node.renewed()));
        await Bun.sleep(2);
      }
    };
    return {
      clock,
      open,
      nodes: [...all] as [TestRelayNode, TestRelayNode, TestRelayNode],
      pass,
      /**
       * Waits for a condition. If Redis did not reply to a node in time, as on a busy machine, the node tries again when the
       * clock advances, and then waits a whole lease before it removes users. So the clock advances then; otherwise it stands still.
       */
      becomes: (what: string, holds: () => boolean | Promise<boolean>) =>
        waitUntil(what, async () => {
          if (all.some((node) => node.wasInterrupted)) await pass(250);
          return await holds();
        }),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  /** Waits until every event sent before is received. */
  async function settled(from: RecordedEvents, ...all: RecordedEvents[]): Promise<void> {
    const mark = `${MARK_PREFIX}${crypto.randomUUID()}`;
    let sentAt = Number.NEGATIVE_INFINITY;
    await waitUntil("all have received the mark", async () => {
      // Typing is sent once and may be lost with a connection. The mark is not: it is sent again.
      if (performance.now() - sentAt > MARK_INTERVAL_MS) {
        from.room.sendTyping(mark, true);
        sentAt = performance.now();
      }
      return all.every(({ marks }) => marks.has(mark));
    });
  }

  const users = ({ room }: RecordedEvents) => [...room.remoteMembers().keys()].sort();

  describe(`relay on Redis, ${kind}`, () => {
    test("P1 a user present through two nodes joins once and leaves once", async () => {
      await using opened = await openNodes(3);
      const [a, b, c] = await Promise.all(opened.nodes.map((node) => node.join("lobby")));
      a!.room.join("anna", 1_000);
      await opened.becomes("the join is received", async () => c!.events.length > 0);
      b!.room.join("anna", 500);
      await opened.becomes("it is known", async () => c!.room.remoteMembers().get("anna") === 500);
      a!.room.leave("anna", 2_000);
      await settled(a!, c!);
      expect(c!.events).toEqual(["+anna"]);
      b!.room.leave("anna", 3_000);
      await opened.becomes("the leave is received", async () => c!.events.length > 1);
      expect(c!.events).toEqual(["+anna", "-anna"]);
      expect(users(c!)).toEqual([]);
    });

    test("P1 opening a conversation returns the users present through other nodes, without those of the same node", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes;
      const first = await a.join("lobby");
      first.room.join("anna", 1_000);
      await opened.becomes("it is kept", async () => (await b.relay.present("lobby")).size === 1);
      const second = await b.join("lobby");
      expect([...second.room.remoteMembers()]).toEqual([["anna", 1_000]]);
      expect(second.events).toEqual([]);
      expect([...(await a.relay.present("lobby"))]).toEqual([]);
      expect(users(first)).toEqual([]);
    });

    test("P3 P4 typing and read marks reach the other nodes, and only them", async () => {
      await using opened = await openNodes(2);
      const [a, b] = await Promise.all(opened.nodes.map((node) => node.join("lobby")));
      a!.room.sendTyping("anna", true);
      a!.room.sendReadMark("anna", 7);
      a!.room.sendTyping("anna", false);
      await opened.becomes("all events are received", async () => b!.events.length === 3);
      expect(b!.events).toEqual(["anna types", "anna read 7", "anna stopped"]);
      expect(a!.events).toEqual([]);
    });

    test("P2 a crashed node's users leave within its lease and a second, once, though two nodes clean up", async () => {
      await using opened = await openNodes(3);
      const [a, b, c] = await Promise.all(opened.nodes.map((node) => node.join("lobby")));
      for (const user of ["anna", "ben"]) a!.room.join(user, 1_000);
      b!.room.join("anna", 500);
      await opened.becomes(
        "all members are known",
        async () => b!.events.length === 2 && users(c!).length === 2,
      );
      // Typing may arrive before presence: the mark below does not prove that c knows of anna at b.
      await opened.becomes(
        "anna is known at b, too",
        async () => c!.room.remoteMembers().get("anna") === 500,
      );
      await settled(b!, c!);
      await opened.nodes[0].crash();
      await opened.pass(LEASE_MS - 1_000);
      expect(users(c!)).toEqual(["anna", "ben"]);
      await opened.pass(2_000);
      await opened.becomes("ben is gone", async () => users(c!).join() === "anna" && users(b!).join() === "");
      await settled(b!, c!);
      await settled(c!, b!);
      // Ben was there through the crashed node only; anna is seen by c through b still, and b has her itself.
      expect(c!.events).toEqual(["+anna", "+ben", "-ben"]);
      expect(b!.events.filter((each) => each === "-ben")).toHaveLength(1);
      const lines = opened.nodes.flatMap(({ log }) =>
        log.entries.filter(({ event }) => event === "node.expired"),
      );
      expect(lines).toHaveLength(1);
    });

    test("EV3 of 500 users of a node that dies each gets one `presence.left` within 7 seconds, whichever nodes clean up, unless another node has it", async () => {
      await using opened = await openNodes(3);
      const [a, b] = await Promise.all(opened.nodes.map((node) => node.join("lobby")));
      const names = Array.from({ length: 500 }, (_, i) => `user-${i}`);
      for (const user of names) a!.room.join(user, 1_000);
      b!.room.join("user-7", 1_000);
      await opened.becomes("all are known", async () => b!.room.remoteMembers().size === 500);
      const { client, nodes } = opened.nodes[1];
      await opened.becomes("user-7 is present through both", async () => {
        const key = client.keys.conversationKey("lobby", "present");
        return (await client.commands.hexists(key, `${nodes.incarnation} user-7`)) === 1;
      });
      const reader = new FeedReader(client, 1_000);
      await opened.becomes("all are events", async () => {
        await reader.readAll();
        return reader.list("presence.joined").length === 500;
      });
      await opened.nodes[0].crash();
      await opened.pass(7_000);
      await opened.becomes("all have left", async () => users(b!).length === 0);
      await reader.readAll();
      const others = names.filter((user) => user !== "user-7").map((user) => `lobby ${user}`);
      expect(reader.list("presence.left")).toEqual(others.sort());
      expect(reader.list("presence.joined")).toEqual(names.map((user) => `lobby ${user}`).sort());
      b!.room.leave("user-7", 9_000);
      await opened.becomes("the last one has left", async () => {
        await reader.readAll();
        return reader.list("presence.left").length === 500;
      });
    });

    test("P2 a node that returns after its lease expired begins a new incarnation, and no user leaves", async () => {
      await using opened = await openNodes(2);
      const [slow, other] = opened.nodes;
      const a = await slow.join("lobby");
      const b = await other.join("lobby");
      a.room.join("anna", 1_000);
      await opened.becomes("the join is received", async () => b.events.length === 1);
      const before = slow.nodes.incarnation;
      // As if the process had been suspended: time passes in one step, so no renewal lies within the lease.
      opened.clock.jump(LEASE_MS + 1);
      await opened.becomes("a new incarnation has begun", async () => slow.nodes.incarnation !== before);
      await opened.pass(2_000);
      await opened.becomes("the old incarnation is removed", async () => {
        const fields = await other.client.commands.hkeys(
          other.client.keys.conversationKey("lobby", "present"),
        );
        const present = fields.filter((field) => field.includes(" "));
        return present.join() === `${slow.nodes.incarnation} anna`;
      });
      expect(users(b)).toEqual(["anna"]);
      expect(presentBy(b.events)).toEqual(["anna"]);
      expect(other.log.entries.filter(({ event }) => event === "node.expired")).toEqual([]);
    });

    test("P2 a missed presence event is made up for", async () => {
      await using opened = await openNodes(3);
      const [a, b] = await Promise.all(opened.nodes.slice(0, 2).map((node) => node.join("lobby")));
      a!.room.join("anna", 1_000);
      await opened.becomes("the join is received", async () => b!.events.length === 1);
      const { commands, keys } = opened.nodes[0].client;
      // A change without an announcement, as when the connection was cut just then.
      const here = keys.conversationKey("lobby", "present");
      await commands.hset(here, `${opened.nodes[2].nodes.incarnation} ben`, 1_000);
      await commands.hincrby(here, "version", 1);
      a!.room.join("cleo", 2_000);
      await opened.becomes("all events are received", async () => b!.events.length === 3);
      expect(presentBy(b!.events)).toEqual(["anna", "ben", "cleo"]);
    });

    test("L3 presence that Redis lost is registered again, under a new incarnation of each node", async () => {
      await using opened = await openNodes(2);
      const [a, b] = await Promise.all(opened.nodes.map((node) => node.join("lobby")));
      a!.room.join("anna", 1_000);
      b!.room.join("ben", 1_000);
      await opened.becomes("all events are received", async () => a!.events.length + b!.events.length === 2);
      const { client, nodes } = opened.nodes[0];
      const before = [nodes.incarnation, opened.nodes[1].nodes.incarnation];
      for (const key of await keysUnder(client)) await client.commands.del(key);
      await opened.pass(2_000);
      await opened.becomes("both have begun a new incarnation", async () =>
        opened.nodes.slice(0, 2).every((node, i) => node.nodes.incarnation !== before[i]),
      );
      await opened.becomes("both are present again", async () =>
        (await opened.nodes[0].relay.present("lobby")).has("ben"),
      );
      await settled(a!, b!);
      await settled(b!, a!);
      expect(users(a!)).toEqual(["ben"]);
      expect(users(b!)).toEqual(["anna"]);
    });

    test("P2 a user who left, and whom an older store lists as present, is removed by their node", async () => {
      await using opened = await openNodes(2);
      const [first, second] = opened.nodes;
      const b = await second.join("lobby");
      const { commands, keys } = first.client;
      // As a replica has it that lags, and takes over.
      const goBack = async () => {
        await commands.sadd(keys.nodeKey(first.nodes.incarnation, "conversations"), "lobby");
        await commands.hset(keys.conversationKey("lobby", "present"), {
          [`${first.nodes.incarnation} ghost`]: 1_000,
          version: 7,
        });
      };
      const isGone = async () => (await commands.exists(keys.conversationKey("lobby", "present"))) === 0;
      await goBack();
      expect([...(await second.relay.present("lobby")).keys()]).toEqual(["ghost"]);
      first.relay.reassert();
      await opened.becomes("no user is present", isGone);
      await goBack();
      const a = await first.join("lobby");
      await opened.becomes("no user is present", isGone);
      a.room.join("anna", 2_000);
      // The other node may have seen the ghost, too, if it compared its room with the store meanwhile.
      await opened.becomes("only anna is present", async () => presentBy(b.events).join() === "anna");
    });

    test("P2 L1 a user of a stopping node who reconnects elsewhere within its lease never leaves", async () => {
      await using opened = await openNodes(2);
      const [first, second] = opened.nodes;
      const a = await first.join("lobby");
      const b = await second.join("lobby");
      for (const user of ["anna", "ben", "cleo"]) a.room.join(user, 1_000);
      await opened.becomes("the events are received", async () => b.events.length === 3);
      a.room.leave("cleo", 2_000);
      await first[Symbol.asyncDispose]();
      expect((await NodeRegistry.read(second.client)).nodes.map(({ id }) => id)).toEqual([
        second.client.node,
      ]);
      b.room.join("anna", 3_000);
      await opened.pass(LEASE_MS - 1_000);
      expect(users(b)).toEqual(["anna", "ben"]);
      await opened.pass(2_000);
      await opened.becomes("ben is gone", async () => users(b).length === 0);
      expect(b.events.slice(0, 4)).toEqual(["+anna", "+ben", "+cleo", "-cleo"]);
      expect(b.events.slice(4).sort()).toEqual(["-anna", "-ben"]);
      b.room.leave("anna", 9_000);
      await opened.becomes("nothing stays in Redis", async () => {
        const names = await keysUnder(second.client);
        return names.filter((key) => /:here$|:rooms$/.test(key)).length === 0;
      });
      expect(second.log.entries.filter(({ event }) => event === "node.expired")).toEqual([]);
    });

    test("a room that is left and entered again at once keeps its presence", async () => {
      await using opened = await openNodes(2);
      const [first, second] = opened.nodes;
      const b = await second.join("lobby");
      for (let i = 0; i < 20; i++) {
        const a = await first.join("lobby");
        a.room.join("anna", 1_000 + i);
        if (i % 3 === 0) await Bun.sleep(1);
        if (i === 19) break;
        a.room.leave("anna", 2_000);
        a.room.close();
      }
      await opened.becomes("anna is present", async () => users(b).join() === "anna");
      const again = await first.join("lobby");
      await settled(again, b);
      expect(presentBy(b.events)).toEqual(["anna"]);
    });

    test.each(seeds(1))(
      "P1 P2 500 joins and leaves with crashes: no ghost, no double (seed %i)",
      async (seed) => {
        const random = new Random(seed);
        await using opened = await openNodes(3);
        const watcher = await (await opened.open()).join("lobby");
        const here = opened.nodes.map((node) => ({
          node,
          entered: node.join("lobby"),
          users: new Set<string>(),
        }));
        for (let i = 0; i < 500; i++) {
          const place = random.pick(here);
          const { room } = await place.entered;
          const user = `user-${random.between(1, 8)}`;
          if (place.users.delete(user)) room.leave(user, i);
          else {
            place.users.add(user);
            room.join(user, 1_000 + i);
          }
          if (random.between(1, 10) === 1) await Bun.sleep(1);
          if (i % 100 === 60) {
            await place.node.crash();
            const node = await opened.open();
            here[here.indexOf(place)] = { node, entered: node.join("lobby"), users: new Set() };
            await opened.pass(1_000);
          }
        }
        await opened.pass(LEASE_MS + 1_000);
        const expected = [...new Set(here.flatMap((place) => [...place.users]))].sort();
        await opened.becomes(
          "the watcher sees the present users",
          async () => users(watcher).join() === expected.join(),
        );
        expect(presentBy(watcher.events)).toEqual(expected);
      },
    );
  });
}
