// News of changes in the streams of the buckets: what is lost is noticed.
import { describe, expect, test } from "bun:test";
import { bucketOf } from "../../../../src/engine/redis/connection/buckets.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function begin() {
      const prefix = freshPrefix();
      const stack = new AsyncDisposableStack();
      const open = async () => stack.use(await TestMemberNode.open(await redis.connect(prefix)));
      const [writer, reader] = [await open(), await open()];
      const received: string[] = [];
      const failing = { gap: false };
      reader.members.watch(
        (conversation, news) => void received.push(...news.map(({ by }) => `${conversation} ${by}`)),
        () => {
          received.push("gap");
          if (failing.gap) throw new Error("not now");
        },
      );
      const change = async (conversation: string, by: string) => {
        const { revision } = await writer.members.read(conversation, []);
        const news = [{ type: "conversation", access: "anyone", by, at: 1 }] as const;
        expect(await writer.members.change(conversation, revision, { news })).toBe(true);
      };
      const stream = (conversation: string) =>
        writer.node.client.keys.bucketKey(bucketOf(conversation), "news");
      const dispose = () => stack[Symbol.asyncDispose]();
      return { writer, reader, received, failing, change, stream, [Symbol.asyncDispose]: dispose };
    }

    test("MB2 changes in many conversations reach another node, those of each conversation in their order", async () => {
      await using nodes = await begin();
      const rooms = Array.from({ length: 40 }, (_, i) => `room${i}`);
      for (const by of ["1", "2", "3"]) await Promise.all(rooms.map((room) => nodes.change(room, by)));
      nodes.reader.node.clock.advance(1_000);
      await waitUntil("all news", () => nodes.received.length >= 120);
      for (const room of rooms)
        expect(nodes.received.filter((line) => line.startsWith(`${room} `))).toEqual(
          ["1", "2", "3"].map((by) => `${room} ${by}`),
        );
      expect(nodes.received).toHaveLength(120);
    });

    test("MB2 more changes than one read returns all arrive", async () => {
      await using nodes = await begin();
      const all = Array.from({ length: 450 }, (_, i) => String(i));
      for (const by of all) await nodes.change("room", by);
      await nodes.reader.news.poll();
      expect(nodes.received).toEqual(all.map((by) => `room ${by}`));
    });

    test("MB2 a stream that has lost the last entry is a gap; a listener that fails is notified again", async () => {
      await using nodes = await begin();
      await nodes.change("room", "1");
      await nodes.reader.news.poll();
      await nodes.writer.node.client.commands.del(nodes.stream("room"));
      nodes.failing.gap = true;
      await nodes.reader.news.poll();
      expect(nodes.received).toEqual(["room 1", "gap"]);
      nodes.failing.gap = false;
      await nodes.reader.news.poll();
      await nodes.change("room", "2");
      await nodes.reader.news.poll();
      expect(nodes.received).toEqual(["room 1", "gap", "gap", "room 2"]);
    });

    test("MB2 a stream that has expired after a quiet day is no gap", async () => {
      await using nodes = await begin();
      const { commands } = nodes.writer.node.client;
      const dayAgo = Date.now() - 86_400_001;
      await commands.xadd(
        nodes.stream("room"),
        `${dayAgo}-0`,
        "conversation",
        "room",
        "joined",
        "ann",
        "at",
        "1",
      );
      await nodes.reader.news.poll();
      await commands.del(nodes.stream("room"));
      await nodes.reader.news.poll();
      await nodes.change("room", "2");
      await nodes.reader.news.poll();
      expect(nodes.received).toEqual(["room undefined", "room 2"]);
    });
  });
}
