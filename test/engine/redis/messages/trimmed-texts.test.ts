// The texts of trimmed messages leave Redis's memory, and therefore everything Redis writes to disk afterwards.
import { describe, expect, test } from "bun:test";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { NO_SHARED_TASKS, numbers, TestNode } from "../support/test-node.ts";

/** As FORGET_INTERVAL of src/engine/redis/messages/retention-sweeper.ts, in milliseconds. */
const LOOK = 25_000;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D5 trimmed texts leave the memory, and kept messages do not change", async () => {
      const retention = { messages: 50, days: 0 };
      const rules = { retention, runOnOneNode: NO_SHARED_TASKS };
      await using node = await TestNode.open(await redis.connect(freshPrefix()), rules);
      const { commands, keys, primaries } = node.client;
      // Compressed, a dump would not show the texts.
      for (const primary of primaries) await primary.config("SET", "rdbcompression", "no");
      const texts = numbers(1, 740).map(() => `${crypto.randomUUID()}${crypto.randomUUID()}`);
      const log = keys.conversationKey("room", "log");
      for (const [i, text] of texts.entries()) await node.post(String(i + 1), { text });
      const found = async () => {
        const dump = ((await commands.dumpBuffer(log)) as Buffer).toString("latin1");
        return texts.map((text, i) => (dump.includes(text) ? i + 1 : 0)).filter((seq) => seq > 0);
      };
      const { first, seq, epoch } = await node.engine.head("room");
      expect(first).toBeGreaterThan(1);
      // The story: XTRIM had marked them, and they were in each snapshot.
      expect((await found())[0]).toBeLessThan(first);
      const kept = await node.engine.page("room", first - 1, seq, 200);
      await waitUntil("the trimmed texts are gone", async () => {
        node.clock.advance(LOOK);
        return (await found())[0] === first;
      });
      expect(await found()).toEqual(numbers(first, seq));
      expect(await node.engine.page("room", first - 1, seq, 200)).toEqual(kept!);
      expect(await node.engine.head("room")).toEqual({ first, seq, epoch, rev: 0 });
      expect(await commands.exists(keys.conversationKey("room", "copy"))).toBe(0);
      expect(await node.post("740")).toMatchObject({ outcome: "duplicate", seq: 740 });
      expect(await node.post("741")).toMatchObject({ outcome: "stored", seq: 741 });
    });

    test("D5 cleaning all conversations leaves no trimmed text, and keeps the expiry of each log", async () => {
      const retention = { messages: 20, days: 3 };
      await using node = await TestNode.open(await redis.connect(freshPrefix()), { retention });
      const { commands, keys, primaries } = node.client;
      // Compressed, a dump would not show the texts.
      for (const primary of primaries) await primary.config("SET", "rdbcompression", "no");
      const texts = numbers(1, 60).map(() => `${crypto.randomUUID()}${crypto.randomUUID()}`);
      for (const [i, text] of texts.entries()) await node.post(String(i + 1), { text });
      await node.engine.clean();
      const log = keys.conversationKey("room", "log");
      const dump = ((await commands.dumpBuffer(log)) as Buffer).toString("latin1");
      expect(texts.map((text) => dump.includes(text))).toEqual(numbers(1, 60).map((seq) => seq > 40));
      expect(await commands.pttl(log)).toBeGreaterThan(86_400_000);
    });
  });
}
