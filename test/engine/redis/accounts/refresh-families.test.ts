import { describe, expect, test } from "bun:test";
import { MAX_FAMILIES_PER_USER } from "../../../../src/core/access/refresh-rotation.ts";
import { RedisRefreshFamilies } from "../../../../src/engine/redis/accounts/refresh-families.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { refreshContract } from "../../../contracts/refresh.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { age, freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  refreshContract(`redis, ${kind}`, async (clock) => {
    const prefix = freshPrefix();
    let client: RedisClient = await redis.connect(prefix);
    return {
      refreshTokens: new RedisRefreshFamilies(client, clock),
      async reopen() {
        await client.close();
        client = await redis.connect(prefix);
        return new RedisRefreshFamilies(client, clock);
      },
      pass: (milliseconds) => age(client, milliseconds),
      close: () => client.close(),
    };
  });

  describe(`refresh families on Redis, ${kind}`, () => {
    test("B1 expired families leave nothing in Redis, and a user who signs in often leaves little", async () => {
      const clock = new ManualClock();
      const client = await redis.connect(freshPrefix());
      const families = new RedisRefreshFamilies(client, clock);
      const account = { user: "ann", account: 7, tokens: [] };
      for (let k = 0; k < 2 * MAX_FAMILIES_PER_USER; k++) {
        clock.advance(1);
        const [signedInAt, expiresAt] = [clock.now(), clock.now() + 60_000];
        await families.add({ ...account, id: `f${k}`, signedInAt, expiresAt });
      }
      const index = client.keys.userKey("ann", "families");
      expect(await client.commands.zcard(index)).toBe(MAX_FAMILIES_PER_USER);
      await age(client, 60_000);
      expect(await client.commands.exists(index)).toBe(0);
      expect(await families.find(`f${2 * MAX_FAMILIES_PER_USER - 1}`)).toBeUndefined();
      await client.close();
    });
  });
}
