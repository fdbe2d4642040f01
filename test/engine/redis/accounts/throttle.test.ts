import { describe, expect, test } from "bun:test";
import { accountAddressTtl } from "../../../../src/core/access/sign-in-throttle.ts";
import { RedisThrottle } from "../../../../src/engine/redis/accounts/throttle.ts";
import { throttleContract } from "../../../contracts/throttle.ts";
import { Random, seeds } from "../../../support/random.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { age, freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";

const LIMITS = { failures: 5, window: 300_000, attemptsPerMinute: 30 };

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  throttleContract(`redis, ${kind}`, async (time, limits) => {
    const client = await redis.connect(freshPrefix());
    return {
      throttle: new RedisThrottle(client, limits, { time }),
      [Symbol.asyncDispose]: () => client.close(),
    };
  });

  describe(`throttles on Redis, ${kind}`, () => {
    test.each(seeds(1, 2))("SEC-S3 all nodes share one count, seed %d", async (seed) => {
      const random = new Random(seed);
      const prefix = freshPrefix();
      const clients = await Promise.all(Array.from({ length: 3 }, () => redis.connect(prefix)));
      const nodes = clients.map((client) => new RedisThrottle(client, LIMITS));
      const attempts = Array.from({ length: 30 }, async () => {
        const node = random.pick(nodes);
        const { allowed } = await node.attempt("ann", "a");
        if (allowed) await random.pick(nodes).failed("ann", "a");
        return allowed;
      });
      expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(LIMITS.failures);
      for (const node of nodes) expect((await node.attempt("ann", "a")).allowed).toBe(false);
      for (const client of clients) await client.close();
    });

    test("SEC-S3 without a given time Redis's clock is used, and setting it back ends no waiting time early", async () => {
      const client = await redis.connect(freshPrefix());
      const clock = new ManualClock(Date.now() + 3_600_000);
      const before = new RedisThrottle(client, LIMITS, { time: clock });
      for (let i = 0; i < LIMITS.failures; i++) {
        expect((await before.attempt("ann", "a")).allowed).toBe(true);
        await before.failed("ann", "a");
      }
      // An hour earlier.
      const decision = await new RedisThrottle(client, LIMITS).attempt("ann", "a");
      expect(decision).toEqual({ allowed: false, retryAfter: 60_000, rule: "account_and_address" });
      await client.close();
    });

    test("B1 names and addresses that were tried expire from Redis", async () => {
      const client = await redis.connect(freshPrefix());
      const throttle = new RedisThrottle(client, LIMITS);
      for (let i = 0; i < 5; i++) {
        await throttle.attempt(`user${i}`, `address${i}`);
        if (i > 2) await throttle.failed(`user${i}`, `address${i}`);
      }
      expect((await keysUnder(client)).length).toBe(5 + 5 + 2);
      await age(client, accountAddressTtl(LIMITS));
      expect(await keysUnder(client)).toEqual([]);
      await client.close();
    });
  });
}
