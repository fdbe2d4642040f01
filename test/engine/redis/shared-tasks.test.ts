// A task that one node does for all, on a real Redis with two nodes.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TASK_LEASE_MS, TASK_RENEWAL_MS, taskPollMs } from "../../../src/core/ports/shared-tasks.ts";
import type { RedisClient } from "../../../src/engine/redis/connection/client.ts";
import { redisTasks } from "../../../src/engine/redis/shared-tasks.ts";
import { ManualTask, sharedTasksContract } from "../../contracts/shared-tasks.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { age, connectTo, freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "./support/real-redis.ts";

const INTERVAL_MS = 600_000;
const POLL_MS = taskPollMs(INTERVAL_MS);
const PROGRAM = join(import.meta.dir, "programs/task-runner.ts");

/** One node, with its own clock, whose task the test ends by hand. */
class TaskNode {
  readonly clock = new ManualClock();
  readonly log = new RecordedLog();
  readonly manual = new ManualTask();
  readonly stop: () => Promise<void>;

  constructor(readonly client: RedisClient) {
    const { clock, log } = this;
    this.stop = redisTasks({ client, clock, emit: log.emit })("retention", INTERVAL_MS, this.manual.task);
  }

  /** Advances the node's clock in steps of a renewal, with replies of Redis between them. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= TASK_RENEWAL_MS) {
      this.clock.advance(Math.min(left, TASK_RENEWAL_MS));
      await settled(this.client);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.client.close();
  }
}

/** Waits until Redis has replied to all that this client sent, and its callers have seen it. */
async function settled(client: RedisClient): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await client.commands.get(client.keys.globalKey("none"));
    await Bun.sleep(0);
  }
}

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  sharedTasksContract(`on Redis, ${kind}`, async () => {
    const client = await redis.connect(freshPrefix());
    const clock = new ManualClock();
    const log = new RecordedLog();
    const stops: (() => Promise<void>)[] = [];
    const run = redisTasks({ client, clock, emit: log.emit });
    return {
      runOnOneNode: (...task) => {
        const stop = run(...task);
        stops.push(stop);
        return stop;
      },
      log,
      async pass(milliseconds) {
        await settled(client);
        for (let left = milliseconds; left > 0; left -= TASK_RENEWAL_MS) {
          const step = Math.min(left, TASK_RENEWAL_MS);
          await age(client, step);
          clock.advance(step);
          await settled(client);
        }
      },
      async [Symbol.asyncDispose]() {
        for (const stop of stops) await stop();
        await client.close();
      },
    };
  });

  describe(kind, () => {
    test("of two nodes one runs the task at a time, and the other one waits for the interval", async () => {
      const prefix = freshPrefix();
      await using ann = new TaskNode(await redis.connect(prefix));
      await using ben = new TaskNode(await redis.connect(prefix));
      await Promise.all([ann.pass(3 * POLL_MS), ben.pass(3 * POLL_MS)]);
      const [runner, other] = ann.manual.underWay === 1 ? [ann, ben] : [ben, ann];
      expect([runner.manual.underWay, other.manual.runs.length]).toEqual([1, 0]);
      runner.manual.succeed();
      await settled(runner.client);
      await other.pass(3 * POLL_MS);
      expect(other.manual.runs).toEqual([]);
      await age(other.client, INTERVAL_MS);
      await other.pass(POLL_MS);
      expect(other.manual.runs.map(({ generation }) => generation)).toEqual([2]);
    });

    test("a node that stops gives the task back, and another one runs it with the next poll", async () => {
      const prefix = freshPrefix();
      await using ann = new TaskNode(await redis.connect(prefix));
      await using ben = new TaskNode(await redis.connect(prefix));
      await ann.pass(POLL_MS);
      await ann.stop();
      await ben.pass(POLL_MS);
      expect(ben.manual.runs.map(({ generation }) => generation)).toEqual([2]);
    });

    test("a run whose lease another node has got is aborted, and leaves that lease alone", async () => {
      const prefix = freshPrefix();
      await using ann = new TaskNode(await redis.connect(prefix));
      await using ben = new TaskNode(await redis.connect(prefix));
      await ann.pass(POLL_MS);
      // As if the process had been stopped for longer than its lease.
      await age(ann.client, TASK_LEASE_MS);
      await ben.pass(POLL_MS);
      expect(ann.manual.runs[0]?.signal.aborted).toBe(false);
      await ann.pass(TASK_RENEWAL_MS);
      expect(ann.manual.runs[0]?.signal.aborted).toBe(true);
      await ben.pass(TASK_RENEWAL_MS);
      expect([ben.manual.underWay, ben.manual.runs[0]?.signal.aborted]).toEqual([1, false]);
    });
  });
}

test("a node that is cut off from Redis aborts its run before the lease runs out", async () => {
  const server = await startRedis();
  await using node = new TaskNode(await connectTo(server.url, freshPrefix()));
  await node.pass(POLL_MS);
  await node.pass(2 * TASK_LEASE_MS);
  expect(node.manual.runs[0]?.signal.aborted).toBe(false);
  await server[Symbol.asyncDispose]();
  for (let i = 1; i < TASK_LEASE_MS / TASK_RENEWAL_MS; i++) {
    expect(node.manual.runs[0]?.signal.aborted).toBe(false);
    node.clock.advance(TASK_RENEWAL_MS);
  }
  expect(node.manual.runs[0]?.signal.aborted).toBe(true);
});

test("another node takes over from one that was killed with -9, within a lease", async () => {
  await using server = await startRedis();
  const prefix = freshPrefix();
  await using node = new TaskNode(await connectTo(server.url, prefix));
  const killed = Bun.spawn([process.execPath, "--no-env-file", PROGRAM, server.url, prefix], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value = new Uint8Array() } = await killed.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("running 1\n");
  killed.kill(9);
  await killed.exited;
  await node.pass(POLL_MS);
  expect(node.manual.runs).toEqual([]);
  await age(node.client, TASK_LEASE_MS);
  await node.pass(POLL_MS);
  expect(node.manual.runs.map(({ generation }) => generation)).toEqual([2]);
});
