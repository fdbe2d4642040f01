// Announcements can be lost; messages then come from the store, before anything later is told (D5).
import { describe, expect, test } from "bun:test";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

/** Posts until it is stored, as a client does. */
async function insist(node: TestNode, id: string): Promise<void> {
  while ((await node.post(id)).outcome === "unavailable") await Bun.sleep(5);
}

/** Ends all connections on which announcements are heard. */
async function deafen({ client: { primaries } }: TestNode): Promise<number> {
  const killed = await Promise.all(
    primaries.map((server) => server.call("CLIENT", "KILL", "TYPE", "pubsub")),
  );
  return killed.map(Number).reduce((sum, each) => sum + each, 0);
}

/** What a node leaves whose announcement does not come. */
async function storeSilently({ client: { commands, keys } }: TestNode, seq: number): Promise<void> {
  const body = `"id":"${seq}","from":"ben","text":"unheard"`;
  const log = keys.conversationKey("room", "log");
  const at = Date.now();
  await commands.xadd(log, `${seq}-0`, "k", `ben ${seq}`, "t", at, "b", body);
  await commands.hset(keys.conversationKey("room", "meta"), "seq", seq, "at", at);
}

for (const kind of KINDS) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D5 announcements that were lost with the connection are read from the store, in order and once", async () => {
      const prefix = freshPrefix();
      await using speaker = await TestNode.open(await redis.connect(prefix));
      await using listener = await TestNode.open(await redis.connect(prefix));
      const heard = await listener.listen();
      for (let i = 1; i <= 60; i++) {
        if (i % 20 === 10) expect(await deafen(speaker)).toBeGreaterThan(0);
        await insist(speaker, String(i));
      }
      await waitUntil("all messages", () => {
        listener.clock.advance(CHECKED);
        return heard.length === 60;
      });
      expect(heard.map(({ seq, id }) => [seq, id])).toEqual(numbers(1, 60).map((i) => [i, String(i)]));
    });

    test("D5 a message that was announced to nobody is told before the next one, and after a while without one", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const heard = await node.listen();
      await node.fill(1, 2);
      await storeSilently(node, 3);
      await node.fill(4, 5);
      expect(heard.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
      await storeSilently(node, 6);
      node.clock.advance(CHECKED);
      await waitUntil("what was missed", () => heard.length === 6);
      expect(heard.map(({ seq }) => seq)).toEqual(numbers(1, 6));
    });

    test("D4 a node tells what it has not heard of before it says how far a conversation reaches", async () => {
      // The story: a client came back to a node to which an announcement was still on its way, asked for what followed
      // the message that it had, and was told that the conversation ends before that one.
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const heard = await node.listen();
      await node.fill(1, 2);
      for (const seq of [3, 4]) await storeSilently(node, seq);
      expect(await node.engine.head("room")).toMatchObject({ seq: 4 });
      expect(heard.map(({ seq }) => seq)).toEqual(numbers(1, 4));
    });

    test("D5 a store that went back and was carried on beyond what a node has told is found out by its messages' times", async () => {
      // The story: after a failover to a replica that lagged, a node that knew nothing of the conversation spoke first.
      // When the others looked, the sequence had passed what they knew, and 64 acked messages were gone without a word.
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      await node.listen();
      const lost: [string, number][] = [];
      node.engine.watchEpoch((conversation, seq) => lost.push([conversation, seq]));
      await node.fill(1, 5);
      const before = await node.engine.head("room");
      const { commands, keys } = node.client;
      await commands.del(keys.conversationKey("room", "log"), keys.conversationKey("room", "ids"));
      await Bun.sleep(2);
      for (const seq of numbers(1, 8)) await storeSilently(node, seq);
      node.clock.advance(CHECKED);
      await waitUntil("the loss", () => lost.length > 0);
      expect(lost).toEqual([["room", 8]]);
      expect((await node.engine.head("room")).epoch).not.toBe(before.epoch);
    });

    test("D5 what was removed before it could be told is not left out silently: who listens is told of the hole", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const heard = await node.listen();
      const lost: [string, number][] = [];
      node.engine.watchEpoch((conversation, seq) => lost.push([conversation, seq]));
      await node.fill(1, 2);
      for (const seq of [3, 4]) await storeSilently(node, seq);
      await node.client.commands.xdel(node.client.keys.conversationKey("room", "log"), "3-0");
      node.clock.advance(CHECKED);
      await waitUntil("the hole", () => lost.length > 0);
      expect(lost).toEqual([["room", 4]]);
      await node.fill(5, 5);
      expect(heard.map(({ seq }) => seq)).toEqual([1, 2, 5]);
    });

    test("D5 a message of another epoch is told as such before it is told, though nobody looked at the store", async () => {
      const prefix = freshPrefix();
      await using listener = await TestNode.open(await redis.connect(prefix));
      await using speaker = await TestNode.open(await redis.connect(prefix));
      const order: string[] = [];
      await listener.engine.subscribe("room", (_, { seq, id }) => order.push(`${seq} ${id}`));
      listener.engine.watchEpoch((_, seq) => order.push(`lost after ${seq}`));
      await listener.fill(1, 4);
      // What a store is like that went back, after another node saw it first.
      const { commands, keys } = listener.client;
      await commands.del(keys.conversationKey("room", "log"), keys.conversationKey("room", "ids"));
      await commands.hset(keys.conversationKey("room", "meta"), "seq", 2, "epoch", "another");
      await speaker.fill(5, 6);
      await waitUntil("both messages", () => order.length === 7);
      expect(order.slice(4)).toEqual(["lost after 2", "3 5", "4 6"]);
    });
  });
}
