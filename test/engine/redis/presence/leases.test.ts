import { describe, expect, test } from "bun:test";
import { leaseContract, TestConnection } from "../../../contracts/leases.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";
import { LEASE_MS, TestRelayNode } from "../support/test-relay-node.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  leaseContract(`redis, ${kind}`, async () => {
    const node = await TestRelayNode.open(redis, freshPrefix(), new ManualClock());
    return { leases: node.leases, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
  });

  describe(`leases on Redis, ${kind}`, () => {
    async function openNodes(count: number) {
      const prefix = freshPrefix();
      const clock = new ManualClock();
      const stack = new AsyncDisposableStack();
      const nodes: TestRelayNode[] = [];
      for (let i = 0; i < count; i++) nodes.push(stack.use(await TestRelayNode.open(redis, prefix, clock)));
      return { clock, nodes, [Symbol.asyncDispose]: () => stack.disposeAsync() };
    }

    test("W5 connections are counted over all nodes, even when all acquire at once", async () => {
      await using opened = await openNodes(3);
      const [a, b, c] = opened.nodes as [TestRelayNode, TestRelayNode, TestRelayNode];
      const taken = await Promise.all(
        [a, b, c].flatMap(({ leases }) => Array.from({ length: 4 }, () => leases.acquire("anna", 5))),
      );
      expect(taken.filter((each) => each === "taken")).toHaveLength(5);
      const holder = [a, b, c][Math.floor(taken.indexOf("taken") / 4)]!;
      holder.leases.release("anna");
      await waitUntil("a place is free", async () => (await b.leases.acquire("anna", 5)) === "taken");
      expect(await c.leases.acquire("anna", 5)).toBe("full");
    });

    test("W5 P2 what a crashed node held is free when its lease has expired, and not before", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      for (let i = 0; i < 3; i++) expect(await a.leases.acquire("anna", 3)).toBe("taken");
      await a.crash();
      expect(await b.leases.acquire("anna", 3)).toBe("full");
      for (let passed = 0; passed < LEASE_MS - 500; passed += 500) {
        opened.clock.advance(500);
        // A look at the nodes that is still under way would take the place of the one that this waits for below.
        await b.renewed();
      }
      expect(await b.leases.acquire("anna", 3)).toBe("full");
      expect(await b.leases.held("anna")).toBe(3);
      opened.clock.advance(500);
      await waitUntil("it is free", async () => {
        // A node that Redis did not reply to in time, as on a busy machine, waits a whole lease more.
        if (b.wasInterrupted) opened.clock.advance(500);
        return (await b.leases.held("anna")) === 0;
      });
      await waitUntil("it is given", async () => {
        if (b.wasInterrupted) opened.clock.advance(500);
        return (await b.leases.acquire("anna", 3)) === "taken";
      });
      expect(await b.leases.held("anna")).toBe(1);
      for (let i = 0; i < 2; i++) expect(await b.leases.acquire("anna", 3)).toBe("taken");
      expect(await b.leases.acquire("anna", 3)).toBe("full");
    });

    test("W5 leases that Redis lost are registered again, under a new incarnation of the node", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      for (let i = 0; i < 2; i++) await a.leases.acquire("anna", 3);
      const before = a.nodes.incarnation;
      for (const key of await keysUnder(b.client)) await b.client.commands.del(key);
      opened.clock.advance(2_000);
      await waitUntil(
        "both have begun a new incarnation",
        async () => a.nodes.incarnation !== before && b.nodes.incarnation !== "",
      );
      await waitUntil("the count is back", async () => {
        const counts = await b.client.commands.hvals(b.client.keys.userKey("anna", "connections"));
        return counts.join() === "2";
      });
      expect(await b.leases.acquire("anna", 3)).toBe("taken");
      expect(await b.leases.acquire("anna", 3)).toBe("full");
    });

    test("W5 a node that begins a new incarnation counts its leases once", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      for (let i = 0; i < 2; i++) await a.leases.acquire("anna", 3);
      const before = a.nodes.incarnation;
      opened.clock.jump(LEASE_MS + 1);
      await waitUntil("a new incarnation has begun", async () => a.nodes.incarnation !== before);
      const key = a.client.keys.userKey("anna", "connections");
      await waitUntil("it is counted under the new incarnation", async () => {
        const counts = await a.client.commands.hgetall(key);
        return JSON.stringify(counts) === JSON.stringify({ [a.nodes.incarnation]: "2" });
      });
      expect(await b.leases.acquire("anna", 3)).toBe("taken");
      expect(await a.leases.acquire("anna", 3)).toBe("full");
    });

    test("W5 a node that acquires while it begins a new incarnation still counts its earlier leases", async () => {
      await using opened = await openNodes(1);
      const [a] = opened.nodes as [TestRelayNode];
      for (let i = 0; i < 2; i++) await a.leases.acquire("anna", 2);
      const before = a.nodes.incarnation;
      opened.clock.jump(LEASE_MS + 1);
      const taken: string[] = [];
      const acquire = async () => void taken.push(await a.leases.acquire("anna", 2));
      const acquireUntilThen = async () => {
        while (a.nodes.incarnation === before) await acquire();
        await acquire();
      };
      await Promise.all(Array.from({ length: 4 }, acquireUntilThen));
      expect([...new Set(taken)]).toEqual(["full"]);
    });

    test("W5 a released lease that an older store counts again is removed", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      await a.leases.acquire("anna", 1);
      a.leases.release("anna");
      await waitUntil("it is released", async () => (await b.leases.acquire("anna", 1)) === "taken");
      b.leases.release("anna");
      // As a replica has it that lags, and takes over.
      await a.client.commands.hset(a.client.keys.userKey("anna", "connections"), a.nodes.incarnation, 1);
      expect(await b.leases.acquire("anna", 1)).toBe("full");
      a.leases.reassert();
      await waitUntil("it is removed", async () => (await b.leases.acquire("anna", 1)) === "taken");
    });

    test("W8 a connection on another node is replaced within a second, and releases nothing", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      const [older, newer] = [new TestConnection("tab"), new TestConnection("tab")];
      expect(await a.leases.acquire("anna", 1, older)).toBe("taken");
      expect(await b.leases.acquire("anna", 1, newer)).toBe("taken");
      await waitUntil("the older one is notified", async () => older.times === 1);
      a.leases.release("anna", older);
      expect(await a.leases.acquire("anna", 1)).toBe("full");
      const back = new TestConnection("tab");
      expect(await a.leases.acquire("anna", 1, back)).toBe("taken");
      await waitUntil("also in the other direction", async () => newer.times === 1);
      expect([older.times, back.times]).toEqual([1, 0]);
    });

    test("W8 one of many connections of a client on three nodes remains", async () => {
      await using opened = await openNodes(3);
      const all = Array.from({ length: 21 }, () => new TestConnection("tab"));
      const taken = await Promise.all(
        all.map((each, at) => opened.nodes[at % 3]!.leases.acquire("anna", 1, each)),
      );
      const ended = () => all.filter(({ times }, at) => times === 1 || taken[at] === "replaced").length;
      await waitUntil("all but one are notified", async () => ended() >= 20);
      expect([ended(), Math.max(...all.map(({ times }) => times))]).toEqual([20, 1]);
      for (const [at, each] of all.entries()) opened.nodes[at % 3]!.leases.release("anna", each);
      await waitUntil(
        "the place is free",
        async () => (await opened.nodes[0]!.leases.acquire("anna", 1)) === "taken",
      );
    });

    test("W8 a connection takes over the lease of one on a crashed node at once", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      for (const client of ["one", "two"]) await a.leases.acquire("anna", 2, new TestConnection(client));
      await a.crash();
      expect(await b.leases.acquire("anna", 2)).toBe("full");
      for (const client of ["one", "two"])
        expect(await b.leases.acquire("anna", 2, new TestConnection(client))).toBe("taken");
      expect(await b.leases.acquire("anna", 2)).toBe("full");
    });

    test("W5 W8 named leases of a crashed node that no client takes over are free when the node's lease has expired", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      for (const client of ["one", "two"]) await a.leases.acquire("anna", 2, new TestConnection(client));
      await a.crash();
      expect(await b.leases.acquire("anna", 2)).toBe("full");
      await waitUntil("they are free", async () => {
        opened.clock.advance(500);
        return (await b.leases.acquire("anna", 2)) === "taken";
      });
      expect(await b.leases.acquire("anna", 2)).toBe("taken");
      expect(await b.leases.acquire("anna", 2)).toBe("full");
    });

    test("W8 a node that missed that its connection was replaced detects it when it synchronizes", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      const [older, kept, newer] = [
        new TestConnection("tab", { age: 1_000 }),
        new TestConnection("kept"),
        new TestConnection("tab"),
      ];
      for (const each of [older, kept]) await a.leases.acquire("anna", 2, each);
      a.client.unsubscribe(a.client.keys.replacementsChannel(a.client.node));
      await a.client.commands.ping();
      expect(await b.leases.acquire("anna", 2, newer)).toBe("taken");
      a.leases.reassert();
      await waitUntil("it is notified", async () => older.times === 1);
      b.leases.reassert();
      await b.client.commands.ping();
      expect([older.times, kept.times, newer.times]).toEqual([1, 0, 0]);
      expect(await b.leases.acquire("anna", 2)).toBe("full");
    });

    test("W8 named leases that Redis lost are registered again, and surplus ones are removed", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      const [one, two] = [new TestConnection("one"), new TestConnection("two")];
      for (const each of [one, two]) await a.leases.acquire("anna", 2, each);
      const key = a.client.keys.userKey("anna", "clients");
      const before = await a.client.commands.hgetall(key);
      await a.client.commands.del(key);
      a.leases.reassert();
      await waitUntil("they are back", async () => (await b.client.commands.hlen(key)) === 2);
      a.leases.release("anna", one);
      await waitUntil("it is released", async () => (await b.client.commands.hlen(key)) === 1);
      // As a replica has it that lags, and takes over.
      await a.client.commands.hset(key, before);
      a.leases.reassert();
      await waitUntil("it is removed", async () => (await b.client.commands.hlen(key)) === 1);
      expect([one.times, two.times]).toEqual([0, 0]);
    });

    test("W8 a node that begins a new incarnation keeps its named connections, each counted once", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [TestRelayNode, TestRelayNode];
      const tab = new TestConnection("tab");
      await a.leases.acquire("anna", 2, tab);
      const before = a.nodes.incarnation;
      opened.clock.jump(LEASE_MS + 1);
      await waitUntil("a new incarnation has begun", async () => a.nodes.incarnation !== before);
      const key = a.client.keys.userKey("anna", "clients");
      await waitUntil("it is held under the new incarnation", async () =>
        (await a.client.commands.hvals(key)).join().startsWith(`${a.nodes.incarnation} `),
      );
      expect(await b.leases.acquire("anna", 2)).toBe("taken");
      expect(await b.leases.acquire("anna", 2)).toBe("full");
      expect(tab.times).toBe(0);
    });

    test("W5 a user without connections leaves nothing in Redis", async () => {
      await using opened = await openNodes(1);
      const [a] = opened.nodes as [TestRelayNode];
      const tab = new TestConnection("tab");
      await a.leases.acquire("anna", 3);
      await a.leases.acquire("anna", 3, tab);
      const keys = (["connections", "clients"] as const).map((table) => a.client.keys.userKey("anna", table));
      for (const key of keys) expect(await a.client.commands.pttl(key)).toBeGreaterThan(0);
      a.leases.release("anna");
      a.leases.release("anna", tab);
      await waitUntil("they are gone", async () => (await a.client.commands.exists(...keys)) === 0);
    });
  });
}
