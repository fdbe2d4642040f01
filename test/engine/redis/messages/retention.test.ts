// What expires: Redis must not fill up with data that is no longer needed.
import { describe, expect, test } from "bun:test";
import { age, freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

const DAY = 86_400_000;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("B1 D5 a full conversation does not grow under a burst, and has no holes", async () => {
      const retention = { messages: 50, days: 0 };
      await using node = await TestNode.open(await redis.connect(freshPrefix()), { retention });
      const { commands, keys } = node.client;
      for (let round = 0; round < 4; round++) {
        await node.fill(round * 600 + 1, round * 600 + 600);
        const [log, ids] = await Promise.all([
          commands.xlen(keys.conversationKey("room", "log")),
          commands.hlen(keys.conversationKey("room", "ids")),
        ]);
        expect(log).toBeGreaterThanOrEqual(50);
        expect(log).toBeLessThanOrEqual(150);
        expect(ids).toBe(log);
        const { seq, first } = await node.engine.head("room");
        expect([seq, first]).toEqual([round * 600 + 600, seq - log + 1]);
      }
    });

    test("D5 an idle conversation expires after its days, except for its last seq and its read marks", async () => {
      const retention = { messages: 0, days: 2 };
      await using node = await TestNode.open(await redis.connect(freshPrefix()), { retention });
      await node.fill(1, 3, { limit: 10 });
      expect(await node.engine.setReadMark("room", "anna", 2)).toBe(2);
      const { epoch } = await node.engine.head("room");
      await age(node.client, 2 * DAY - 60_000);
      expect(await node.engine.head("room")).toEqual({ seq: 3, first: 1, epoch, rev: 0 });
      await age(node.client, 4 * 60_000);
      expect(await node.engine.head("room")).toEqual({ seq: 3, first: 4, epoch, rev: 0 });
      expect(await node.engine.page("room", 0, 3, 9)).toEqual([]);
      expect([...(await node.engine.readMarks("room", ["anna", "ben"]))]).toEqual([["anna", 2]]);
      const left = (await keysUnder(node.client)).map((key) => key.split(":").at(-1)).sort();
      // Events are kept for a time of their own.
      expect(left).toEqual(["epoch", "feed", "marks", "meta", "stream-sweeps"]);
      expect(await node.post("1")).toMatchObject({ outcome: "stored", seq: 4 });
    });

    test("Q1 charges expire with their hour", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      await node.fill(1, 5, { limit: 10 });
      const quota = node.client.keys.userKey("anna", "quota");
      expect(await node.client.commands.pttl(quota)).toBeGreaterThan(3_600_000);
      await age(node.client, 3_600_000 + 3 * 60_000);
      expect(await node.client.commands.exists(quota)).toBe(0);
    });

    test("D5 without a limit of days nothing expires, even where a limit was set before", async () => {
      const prefix = freshPrefix();
      const log = async (node: TestNode) =>
        node.client.commands.pttl(node.client.keys.conversationKey("room", "log"));
      {
        await using before = await TestNode.open(await redis.connect(prefix), {
          retention: { messages: 0, days: 2 },
        });
        await before.fill(1, 1);
        expect(await log(before)).toBeGreaterThan(0);
        await before.client.commands.hdel(before.client.keys.conversationKey("room", "meta"), "swept");
      }
      await using after = await TestNode.open(await redis.connect(prefix));
      await after.fill(2, 2);
      expect(await log(after)).toBe(-1);
    });
  });
}
