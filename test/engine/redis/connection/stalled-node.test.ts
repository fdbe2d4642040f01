// The story: on a busy machine a node stood still for two seconds. It counted Redis as lost before it read the reply that was there.
import { expect, test } from "bun:test";
import { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";
import { RunningTime } from "../../../../src/engine/redis/connection/probes/running-time.ts";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";

/** As PROBE_INTERVAL_MS of src/engine/redis/connection/client.ts. */
const INTERVAL = 500;

test("L3 a pause of the node counts as one interval, and extra ticks count as the time that has passed", () => {
  const clock = new ManualClock();
  const running = new RunningTime(INTERVAL, () => clock.now());
  const after = (milliseconds: number) => {
    clock.advance(milliseconds);
    return running.tick();
  };
  expect([after(100), after(0), after(400), after(60_000), after(499)]).toEqual([
    100, 100, 500, 1_000, 1_499,
  ]);
  clock.advance(INTERVAL);
  expect(running.passed).toBe(1_499);
});

test("L3 Redis is lost when a probe does not come back in time, and time in which the node stood still does not count", async () => {
  await using redis = await startRedis();
  const clock = new ManualClock();
  const log = new RecordedLog();
  const client = new RedisClient({
    address: {
      kind: "standalone",
      hosts: [{ host: "127.0.0.1", port: redis.port }],
      tls: false,
      database: 0,
    },
    keys: new Keys(freshPrefix()),
    node: "node",
    clock,
    emit: log.emit,
  });
  await using closing = new AsyncDisposableStack();
  closing.defer(() => client.close());
  void client.start(TIMEOUT_MS);
  const isReady = () => {
    if (!client.ready) clock.advance(INTERVAL);
    return client.ready;
  };
  await waitUntil("Redis is ready", isReady);
  // All in one turn of the event loop, in which the node cannot read a reply. The first interval sends the probe.
  clock.advance(INTERVAL);
  clock.jump(60_000);
  expect(client.ready).toBe(true);
  clock.advance(2 * INTERVAL);
  expect(client.ready).toBe(true);
  clock.advance(INTERVAL);
  expect(client.ready).toBe(false);
  await waitUntil("Redis is ready again", isReady);
  expect(log.events()).toEqual(["store.connected", "store.unavailable", "store.connected"]);
});
