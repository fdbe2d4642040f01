import { expect, test } from "bun:test";
import { withRedis } from "./connection.ts";
import { startSentinel } from "./sentinel.ts";

test("the replica of a primary that was killed has what it was sent, and not what was held back; and back again", async () => {
  await using sentinel = await startSentinel();
  const first = await sentinel.primary();
  await withRedis(first.port, async (redis) => {
    await redis.set("early", 1);
    await redis.wait(1, 1_000);
  });
  await sentinel.pauseReplication();
  await withRedis(first.port, (redis) => redis.set("late", 1));
  const killed = await sentinel.killPrimary();
  expect(killed).toBe(first);
  const second = await sentinel.primary();
  expect(await withRedis(second.port, (redis) => redis.mget("early", "late"))).toEqual(["1", null]);
  await sentinel.restartAsReplica(killed);
  await sentinel.killPrimary();
  expect(await sentinel.primary()).toBe(first);
  // An election that no sentinel won in time counts, too, as it happens on a busy machine.
  expect(await sentinel.failovers()).toBeGreaterThanOrEqual(2);
});

test("a failover that was asked for keeps what there was", async () => {
  await using sentinel = await startSentinel();
  const first = await sentinel.primary();
  await withRedis(first.port, async (redis) => {
    await redis.set("key", 1);
    await redis.wait(1, 1_000);
  });
  await sentinel.failOver();
  const second = await sentinel.primary();
  expect(second).not.toBe(first);
  expect(await withRedis(second.port, (redis) => redis.get("key"))).toBe("1");
});
