// Time is the store's: neither a node's wrong clock nor a step of Redis's clock raises the limit or makes a user wait
// longer.
import { describe, expect, test } from "bun:test";
import { QUOTA_WINDOW_MS } from "../../../../src/core/conversation/quota.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

const DAY = 86_400_000;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("Q1 D1 a node whose clock is years off charges and dates messages like the others", async () => {
      const prefix = freshPrefix();
      await using right = await TestNode.open(await redis.connect(prefix));
      await using wrong = await TestNode.open(await redis.connect(prefix), { clock: new ManualClock(0) });
      const before = Date.now();
      const results = [
        await right.post("1", { limit: 3 }),
        await wrong.post("2", { limit: 3 }),
        await right.post("3", { limit: 3 }),
        await wrong.post("4", { limit: 3 }),
      ];
      expect(results.map(({ outcome }) => outcome)).toEqual(["stored", "stored", "stored", "rate_limited"]);
      const times = results.flatMap((result) => ("at" in result ? [result.at] : []));
      expect(times).toEqual([...times].sort());
      // Redis runs on this machine.
      for (const at of times) expect(Math.abs(at - before)).toBeLessThan(60_000);
    });

    for (const step of [1, 500, 3 * QUOTA_WINDOW_MS, 30 * DAY]) {
      test(`Q1 D1 when the store's clock is set back by ${step / 1000} s, no user exceeds the limit or waits more than an hour`, async () => {
        const prefix = freshPrefix();
        const early = new ManualClock();
        await using before = await TestNode.open(await redis.connect(prefix), { time: early });
        const limit = 4;
        const stored: { seq: number; at: number }[] = [];
        const store = async (node: TestNode, id: string) => {
          const result = await node.post(id, { limit });
          if (result.outcome !== "stored") throw new Error(`${id}: ${result.outcome}`);
          stored.push(result);
        };
        for (const id of ["1", "2", "3", "4"]) {
          early.advance(60_000);
          await store(before, id);
        }
        const late = new ManualClock(early.now() - step);
        await using after = await TestNode.open(await redis.connect(prefix), { time: late });
        // As if no time had passed since the last: the first was three minutes before it.
        const retryAfter = QUOTA_WINDOW_MS - 180_000;
        expect(await after.post("5", { limit })).toMatchObject({ outcome: "rate_limited", retryAfter });
        late.advance(retryAfter - 1);
        expect(await after.post("5", { limit })).toMatchObject({ outcome: "rate_limited", retryAfter: 1 });
        late.advance(1);
        await store(after, "5");
        expect(await after.post("6", { limit })).toMatchObject({
          outcome: "rate_limited",
          retryAfter: 60_000,
        });
        const times = stored.map(({ at }) => at);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        late.advance(QUOTA_WINDOW_MS);
        expect(await after.engine.quota("anna", limit)).toMatchObject({ remaining: limit, reset: 0 });
      });
    }
  });
}
