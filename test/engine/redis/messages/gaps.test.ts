// Announcements can be lost; messages then come from the store, before any later message is delivered (D5).
import { describe, expect, test } from "bun:test";
import { encodeRecord } from "../../../../src/engine/redis/messages/message-encoding.ts";
import { messageContent } from "../../../support/entries.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

/** Posts until it is stored, as a client does. */
async function insist(node: TestNode, id: string): Promise<void> {
  while ((await node.post(id)).outcome === "unavailable") await Bun.sleep(5);
}

/** Ends all connections that receive announcements. */
async function deafen({ client: { primaries } }: TestNode): Promise<number> {
  const killed = await Promise.all(
    primaries.map((server) => server.call("CLIENT", "KILL", "TYPE", "pubsub")),
  );
  return killed.map(Number).reduce((sum, each) => sum + each, 0);
}

/** What a node leaves in the store when its announcement is lost. */
async function storeSilently({ client: { commands, keys } }: TestNode, seq: number): Promise<void> {
  const post = { conversation: "room", user: "ben", id: `${seq}`, limit: 0 };
  const record = encodeRecord({ ...post, ...messageContent("unannounced") });
  const log = keys.conversationKey("room", "log");
  const at = Date.now();
  await commands.xadd(log, `${seq}-0`, "k", `ben ${seq}`, "t", at, "b", record);
  await commands.hset(keys.conversationKey("room", "meta"), "seq", seq, "at", at);
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D5 announcements lost with the connection are replaced by reading the store, in order and once", async () => {
      const prefix = freshPrefix();
      await using speaker = await TestNode.open(await redis.connect(prefix));
      await using listener = await TestNode.open(await redis.connect(prefix));
      const received = await listener.subscribe();
      for (let i = 1; i <= 60; i++) {
        if (i % 20 === 10) expect(await deafen(speaker)).toBeGreaterThan(0);
        await insist(speaker, String(i));
      }
      await waitUntil("all messages", () => {
        listener.clock.advance(CHECKED);
        return received.length === 60;
      });
      expect(received.map(({ seq, id }) => [seq, id])).toEqual(numbers(1, 60).map((i) => [i, String(i)]));
    });

    test("D5 a message without an announcement is delivered before the next one, or after a while when none follows", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const received = await node.subscribe();
      await node.fill(1, 2);
      await storeSilently(node, 3);
      await node.fill(4, 5);
      expect(received.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
      await storeSilently(node, 6);
      node.clock.advance(CHECKED);
      await waitUntil("the missed message", () => received.length === 6);
      expect(received.map(({ seq }) => seq)).toEqual(numbers(1, 6));
    });

    test("D4 a node delivers messages it had not received before it reports the newest seq", async () => {
      // The story: a client resumed on a node to which an announcement was still on its way, asked for what followed
      // its newest message, and was sent a head that ended before that message.
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const received = await node.subscribe();
      await node.fill(1, 2);
      for (const seq of [3, 4]) await storeSilently(node, seq);
      expect(await node.engine.head("room")).toMatchObject({ seq: 4 });
      expect(received.map(({ seq }) => seq)).toEqual(numbers(1, 4));
    });

    test("D5 a store that went back and grew past the last delivered seq is detected by its messages' times", async () => {
      // The story: after a failover to a lagging replica, a node that knew nothing of the conversation posted first.
      // When the others read it, the sequence had passed what they knew, and 64 acked messages were gone without a
      // report.
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      await node.subscribe();
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

    test("D5 subscribers are notified of messages that were removed before they could be delivered", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const received = await node.subscribe();
      const lost: [string, number][] = [];
      node.engine.watchEpoch((conversation, seq) => lost.push([conversation, seq]));
      await node.fill(1, 2);
      for (const seq of [3, 4]) await storeSilently(node, seq);
      await node.client.commands.xdel(node.client.keys.conversationKey("room", "log"), "3-0");
      node.clock.advance(CHECKED);
      await waitUntil("the hole", () => lost.length > 0);
      expect(lost).toEqual([["room", 4]]);
      await node.fill(5, 5);
      expect(received.map(({ seq }) => seq)).toEqual([1, 2, 5]);
    });

    test("D5 a change of epoch is reported before the first message of the new epoch, without a comparison of the store", async () => {
      const prefix = freshPrefix();
      await using listener = await TestNode.open(await redis.connect(prefix));
      await using speaker = await TestNode.open(await redis.connect(prefix));
      const order: string[] = [];
      await listener.engine.subscribe("room", (_, { seq, id }) => order.push(`${seq} ${id}`));
      listener.engine.watchEpoch((_, seq) => order.push(`lost after ${seq}`));
      await listener.fill(1, 4);
      // The state of a store that went back, after another node detected it first.
      const { commands, keys } = listener.client;
      await commands.del(keys.conversationKey("room", "log"), keys.conversationKey("room", "ids"));
      await commands.hset(keys.conversationKey("room", "meta"), "seq", 2, "epoch", "another");
      await speaker.fill(5, 6);
      await waitUntil("both messages", () => order.length === 7);
      expect(order.slice(4)).toEqual(["lost after 2", "3 5", "4 6"]);
    });
  });
}
