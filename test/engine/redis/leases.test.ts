import { describe, expect, test } from "bun:test";
import { leaseContract } from "../../contracts/leases.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { until } from "../../support/until.ts";
import { LEASE, MeetingNode } from "./meeting-node.ts";
import { freshPrefix, KINDS, keysUnder, useRealRedis } from "./real-redis.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);

  leaseContract(`redis, ${kind}`, async () => {
    const node = await MeetingNode.open(redis, freshPrefix(), new ManualClock());
    return { leases: node.leases, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
  });

  describe(`leases on Redis, ${kind}`, () => {
    async function openNodes(count: number) {
      const prefix = freshPrefix();
      const clock = new ManualClock();
      const stack = new AsyncDisposableStack();
      const nodes: MeetingNode[] = [];
      for (let i = 0; i < count; i++) nodes.push(stack.use(await MeetingNode.open(redis, prefix, clock)));
      return { clock, nodes, [Symbol.asyncDispose]: () => stack.disposeAsync() };
    }

    test("W5 connections are counted over all nodes, also when all ask at once", async () => {
      await using opened = await openNodes(3);
      const [a, b, c] = opened.nodes as [MeetingNode, MeetingNode, MeetingNode];
      const taken = await Promise.all(
        [a, b, c].flatMap(({ leases }) => Array.from({ length: 4 }, () => leases.take("anna", 5))),
      );
      expect(taken.filter((each) => each)).toHaveLength(5);
      const holder = [a, b, c][Math.floor(taken.indexOf(true) / 4)]!;
      holder.leases.giveBack("anna");
      await until("a place is free", () => b.leases.take("anna", 5));
      expect(await c.leases.take("anna", 5)).toBe(false);
    });

    test("W5 P2 what a crashed node held is free when its lease has run out, and not before", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [MeetingNode, MeetingNode];
      for (let i = 0; i < 3; i++) expect(await a.leases.take("anna", 3)).toBe(true);
      await a.crash();
      expect(await b.leases.take("anna", 3)).toBe(false);
      for (let passed = 0; passed < LEASE - 500; passed += 500) {
        opened.clock.advance(500);
        await b.client.commands.ping();
      }
      expect(await b.leases.take("anna", 3)).toBe(false);
      opened.clock.advance(500);
      await until("it is free", () => b.leases.take("anna", 3));
      for (let i = 0; i < 2; i++) expect(await b.leases.take("anna", 3)).toBe(true);
      expect(await b.leases.take("anna", 3)).toBe(false);
    });

    test("W5 what Redis has lost is put back, under a new life of the node", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [MeetingNode, MeetingNode];
      for (let i = 0; i < 2; i++) await a.leases.take("anna", 3);
      const before = a.nodes.life;
      for (const key of await keysUnder(b.client)) await b.client.commands.del(key);
      opened.clock.advance(2_000);
      await until("both have begun anew", async () => a.nodes.life !== before && b.nodes.life !== "");
      await until("the count is back", async () => {
        const counts = await b.client.commands.hvals(b.client.keys.ofUser("anna", "connections"));
        return counts.join() === "2";
      });
      expect(await b.leases.take("anna", 3)).toBe(true);
      expect(await b.leases.take("anna", 3)).toBe(false);
    });

    test("W5 a node that begins another life counts what it holds once", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [MeetingNode, MeetingNode];
      for (let i = 0; i < 2; i++) await a.leases.take("anna", 3);
      const before = a.nodes.life;
      opened.clock.jump(LEASE + 1);
      await until("another life has begun", async () => a.nodes.life !== before);
      const key = a.client.keys.ofUser("anna", "connections");
      await until("it is counted under that", async () => {
        const counts = await a.client.commands.hgetall(key);
        return JSON.stringify(counts) === JSON.stringify({ [a.nodes.life]: "2" });
      });
      expect(await b.leases.take("anna", 3)).toBe(true);
      expect(await a.leases.take("anna", 3)).toBe(false);
    });

    test("W5 what a store that went back counts again, though it was given back, is put right", async () => {
      await using opened = await openNodes(2);
      const [a, b] = opened.nodes as [MeetingNode, MeetingNode];
      await a.leases.take("anna", 1);
      a.leases.giveBack("anna");
      await until("it is given back", () => b.leases.take("anna", 1));
      b.leases.giveBack("anna");
      // As a replica has it that lags, and takes over.
      await a.client.commands.hset(a.client.keys.ofUser("anna", "connections"), a.nodes.life, 1);
      expect(await b.leases.take("anna", 1)).toBe(false);
      a.leases.putBack();
      await until("it is put right", () => b.leases.take("anna", 1));
    });

    test("W5 nothing stays in Redis of who holds nothing", async () => {
      await using opened = await openNodes(1);
      const [a] = opened.nodes as [MeetingNode];
      await a.leases.take("anna", 3);
      const key = a.client.keys.ofUser("anna", "connections");
      expect(await a.client.commands.pttl(key)).toBeGreaterThan(0);
      a.leases.giveBack("anna");
      await until("it is gone", async () => (await a.client.commands.exists(key)) === 0);
    });
  });
}
