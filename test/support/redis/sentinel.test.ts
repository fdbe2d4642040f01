import { expect, test } from "bun:test";
import { withRedis } from "./connection.ts";
import { startSentinel } from "./sentinel.ts";

test("the replica of a killed primary has what was replicated, and not what was paused; also after a second failover", async () => {
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

test("a planned failover keeps the data", async () => {
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
