// A Redis that fails while a node starts, after it has answered: the start waits for it, and its errors have Parley's words.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { redisStore } from "../../../../src/cli/store/redis-store.ts";
import type { Clock } from "../../../../src/core/ports/clock.ts";
import { openRedis } from "../../../../src/engine/redis/open.ts";
import { beginStart, StoreMisconfigured } from "../../../../src/engine/redis/start-step.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { readSettings } from "../../../../src/server/settings/read.ts";
import { longTest } from "../../../support/long-test.ts";
import { startRedis, type TestRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { SECRET } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { addressOf, freshPrefix } from "../support/real-redis.ts";

/** About how often a node sends something to Redis while it starts. */
const SENDS = 40;

/** So many sends after the first cut there is another one, while lines are opened again. */
const CUT_AGAIN_AFTER = 6;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const open = (url: string, emit: RecordedLog["emit"], timeoutMs = TIMEOUT_MS, clock: Clock = systemClock()) =>
  openRedis({
    ...{ address: addressOf(url), prefix: freshPrefix(), node: "node", timeoutMs, clock, emit },
    ...{ leaseMs: 30_000, ackAfter: "primary", retention: { messages: 0, days: 0 } },
  });

/** A line to Redis that is reset, with all others through it, when a node sends something for the `cutAt`-th time, and `again` sends later. */
async function openCutLine(cutAt: number, again: number) {
  const sockets = new Set<Socket>();
  let sends = 0;
  const server = createServer((near) => {
    const far = connect(redis.port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (data) => {
        if (from === near && [cutAt, cutAt + again].includes(++sends))
          for (const socket of sockets) socket.resetAndDestroy();
        else to.write(data);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `redis://127.0.0.1:${port}`,
    wasCut: () => sends >= cutAt,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("L3 a start whose lines to Redis are cut at any moment waits, and goes on", async () => {
  const cuts = await Promise.all(
    Array.from({ length: SENDS }, async (_, i) => {
      await using line = await openCutLine(i + 1, 1 + (i % CUT_AGAIN_AFTER));
      const store = await open(line.url, new RecordedLog().emit);
      // The lines may be cut just now.
      await waitUntil("the store answers", async () => (await store.accounts.list()).length === 0);
      await store.close();
      return line.wasCut();
    }),
  );
  // The first ones were within the start for certain.
  expect(cuts.some(Boolean)).toBe(true);
});

test("L3 a start ends with the reason when its time is over while Redis is down", async () => {
  await using dying = await startRedis();
  const log = new RecordedLog();
  const system = systemClock();
  let isOver = false;
  const clock = { ...system, now: () => system.now() + (isOver ? TIMEOUT_MS : 0) };
  let ended: Promise<void> | undefined;
  const emit: RecordedLog["emit"] = (name, fields) => {
    log.emit(name, fields);
    if (name === "store.connected") ended ??= dying.kill();
    isOver ||= name === "store.waiting";
  };
  const error = await open(dying.url, emit, TIMEOUT_MS, clock).catch(String);
  await ended;
  expect(error).toMatch(
    new RegExp(
      `^Error: Redis at 127\\.0\\.0\\.1:${dying.port} could not be used within ${TIMEOUT_MS / 1000} s: (nothing listens there|the connection to it was cut|it does not answer)\\. It answered at first: find out what stopped it, or keeps it busy\\.$`,
    ),
  );
  expect(log.entries.find(({ event }) => event === "store.waiting")?.fields.reason).not.toContain("ECONN");
});

test("L3 a step of a start waits for what passes, and not for what stays or is no error of Redis", async () => {
  const log = new RecordedLog();
  const clock = new ManualClock();
  const step = beginStart({ description: "Redis at r:1", timeoutMs: 1_000, clock, emit: log.emit });
  const failing = [
    "Command timed out",
    "LOADING Redis is loading the dataset in memory",
    "Connection is closed.",
  ];
  expect(
    await step(async () => {
      const text = failing.shift();
      if (text !== undefined) throw new Error(text);
      return "done";
    }),
  ).toBe("done");
  expect(log.entries).toEqual([
    {
      level: "warn",
      event: "store.waiting",
      fields: { store: "Redis at r:1", reason: "it does not answer in time", seconds_left: 1 },
    },
  ]);
  const refused = step(() =>
    Promise.reject(new Error("NOPERM this user has no permissions to run the 'get' command")),
  );
  expect(refused).rejects.toBeInstanceOf(StoreMisconfigured);
  expect(refused).rejects.toThrow("Redis at r:1 cannot be used: its ACL user may not run GET");
  expect(step(() => Promise.reject(new TypeError("a fault")))).rejects.toThrow("a fault");
});

test("an error of Redis under a command is said in Parley's words", async () => {
  const read = readSettings({ env: { REDIS_URL: "redis://127.0.0.1:6379", SECRET_KEY: SECRET } });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const { explainError } = redisStore(read.settings);
  expect(() => explainError(new Error("Command timed out"))).toThrow(
    "Redis at 127.0.0.1:6379: it does not answer in time. When that is mended, run the command again: whether it was carried out is not known.",
  );
  expect(() => explainError(new StoreMisconfigured("as it is"))).toThrow("as it is");
});

longTest("L3 a start waits for a Redis that stands still after it has answered", async () => {
  await using still = await startRedis();
  const log = new RecordedLog();
  const emit: RecordedLog["emit"] = (name, fields) => {
    log.emit(name, fields);
    if (name === "store.connected" && !log.events().includes("store.waiting")) still.signal("SIGSTOP");
    if (name === "store.waiting") still.signal("SIGCONT");
  };
  const store = await open(still.url, emit);
  await store.close();
  const waiting = log.entries.find(({ event }) => event === "store.waiting");
  expect(waiting?.fields).toMatchObject({ reason: "it does not answer in time" });
});
