// Faults that only many nodes on one Redis can have: two that write at once, and one that dies half way.
import { describe, expect, test } from "bun:test";
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { messageContent } from "../../../support/entries.ts";
import { Random, seeds } from "../../../support/random.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, type RealRedis, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Nodes that share one Redis, and nothing else. */
async function openNodes(redis: RealRedis, count: number): Promise<TestNode[] & AsyncDisposable> {
  const prefix = freshPrefix();
  const open = async () => TestNode.open(await redis.connect(prefix));
  const nodes = await Promise.all(Array.from({ length: count }, open));
  const dispose = async () => void (await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  return Object.assign(nodes, { [Symbol.asyncDispose]: dispose });
}

const count = (results: readonly PostResult[], outcome: PostResult["outcome"]) =>
  results.filter((result) => result.outcome === outcome).length;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    for (const seed of seeds(1, 2, 3)) {
      test(`Q1 a burst of one user over three nodes and many conversations is cut at exactly the limit (seed ${seed})`, async () => {
        await using nodes = await openNodes(redis, 3);
        const random = new Random(seed);
        const limit = random.between(20, 60);
        const results: Promise<PostResult>[] = [];
        for (let i = 0; i < limit * 3; i++) {
          const conversation = `room${random.between(1, 9)}`;
          results.push(random.pick(nodes).post(`m${i}`, { limit, conversation }));
          if (random.next() < 0.1) await results.at(-1);
        }
        const settled = await Promise.all(results);
        expect(count(settled, "stored")).toBe(limit);
        expect(count(settled, "rate_limited")).toBe(limit * 2);
        expect(await nodes[0]!.engine.quota("anna", limit)).toMatchObject({ remaining: 0 });
      });

      test(`D1 D3 Q2 ids sent to several nodes at once become one message each, charged once, in one order (seed ${seed})`, async () => {
        await using nodes = await openNodes(redis, 3);
        const random = new Random(seed);
        const received = await Promise.all(nodes.map((node) => node.subscribe()));
        const names = 60;
        const results: Promise<PostResult>[] = [];
        for (let i = 0; i < names; i++) {
          for (let n = random.between(1, 3); n > 0; n--) {
            results.push(random.pick(nodes).post(`m${i}`, { limit: 1_000 }));
          }
          if (random.next() < 0.2) await results.at(-1);
        }
        const settled = await Promise.all(results);
        expect(count(settled, "stored")).toBe(names);
        expect(count(settled, "duplicate")).toBe(results.length - names);
        expect(await nodes[0]!.engine.quota("anna", 1_000)).toMatchObject({ remaining: 1_000 - names });
        await waitUntil("all messages on all nodes", () => received.every(({ length }) => length === names));
        for (const messages of received) expect(messages).toEqual(received[0]!);
        expect(received[0]!.map(({ seq }) => seq)).toEqual(numbers(1, names));
      });
    }

    test("D1 other nodes' messages are delivered in order between one's own, and each `done` after its message", async () => {
      await using nodes = await openNodes(redis, 2);
      const order: number[] = [];
      for (const node of nodes) await node.engine.subscribe("room", () => {});
      const [node] = nodes;
      let delivered = 0;
      await node!.engine.subscribe("room", (_, { seq }) => {
        expect(seq).toBe(delivered + 1);
        delivered = seq;
      });
      const results: Promise<unknown>[] = [];
      for (let round = 0; round < 40; round++) {
        results.push(nodes[1]!.post(`other ${round}`));
        results.push(
          new Promise<void>((resolve) =>
            node!.engine.post(
              { conversation: "room", user: "ben", id: `${round}`, ...messageContent(""), limit: 0 },
              (result) => {
                if (!("seq" in result)) throw new Error(result.outcome);
                expect(delivered).toBeGreaterThanOrEqual(result.seq);
                order.push(result.seq);
                resolve();
              },
            ),
          ),
        );
        if (round % 3 === 0) await results.at(-1);
      }
      await Promise.all(results);
      await waitUntil("the last message", () => delivered === 80);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    });

    for (const calls of [0, 1, 2, 3]) {
      test(`D3 Q2 when a node dies after ${calls} of its calls to Redis, a retry through another node charges and stores once`, async () => {
        await using nodes = await openNodes(redis, 1);
        const [survivor] = nodes;
        await survivor!.post("before", { limit: 10 });
        await using dying = await TestNode.open(dyingAfter(calls, survivor!.client));
        // The reply of the dead node never arrived.
        await dying.post("m", { limit: 10 });
        const again = await survivor!.post("m", { limit: 10 });
        expect(again).toMatchObject({ seq: 2, quota: { remaining: 8 } });
        expect(await survivor!.post("m", { limit: 10 })).toMatchObject({
          outcome: "duplicate",
          seq: 2,
          quota: { remaining: 8 },
        });
        expect(await survivor!.post("next", { limit: 10 })).toMatchObject({
          seq: 3,
          quota: { remaining: 7 },
        });
        const kept = await survivor!.engine.page("room", 0, 10, 10);
        expect(kept!.map(({ id }) => id)).toEqual(["before", "m", "next"]);
      });
    }

    test("D3 Q2 a repeated post that finds an old reservation is charged in the hour in which it is accepted", async () => {
      await using nodes = await openNodes(redis, 1);
      const [survivor] = nodes;
      await using dying = await TestNode.open(dyingAfter(1, survivor!.client));
      const limit = 3;
      await Promise.all(["a", "b", "c"].map((id) => dying.post(id, { limit })));
      const results = await Promise.all(["a", "b", "c", "d"].map((id) => survivor!.post(id, { limit })));
      expect(results.map(({ outcome }) => outcome).at(-1)).toBe("rate_limited");
      expect(await survivor!.engine.quota("anna", limit)).toMatchObject({ remaining: 0 });
      expect((await survivor!.engine.page("room", 0, 9, 9))!.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    });
  });
}

/** The real client of a node that is killed after this many calls: later commands never reach Redis. */
function dyingAfter(calls: number, client: RedisClient): RedisClient {
  let left = calls;
  return Object.create(client, {
    runDurably: {
      value: (...call: Parameters<RedisClient["runDurably"]>) =>
        left-- > 0 ? client.runDurably(...call) : Promise.reject(new Error("killed, on purpose")),
    },
    close: { value: async () => {} },
  });
}
