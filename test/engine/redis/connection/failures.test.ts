// What happens to messages when announcements are lost, when Redis is unavailable, and when it has lost data.
import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { startRedis, type TestRedis } from "../../../support/redis/redis-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { connectTo, numbers, TestNode } from "../support/test-node.ts";

async function openNode(redis: TestRedis, prefix: string): Promise<TestNode> {
  return TestNode.open(await connectTo(redis, prefix));
}

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

/** A client for the test's own commands, apart from those of the nodes. */
async function withAdmin(redis: TestRedis, work: (admin: Redis) => Promise<unknown>): Promise<void> {
  const admin = new Redis({ port: redis.port });
  try {
    await work(admin);
  } finally {
    admin.disconnect();
  }
}

/** Posts until it is stored, as a client does. */
async function insist(node: TestNode, id: string): Promise<void> {
  while ((await node.post(id)).outcome === "unavailable") await Bun.sleep(5);
}

test("L3 D3 while Redis is unavailable posts fail with `unavailable`; afterwards nothing is lost or stored twice", async () => {
  await using redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  const prefix = freshPrefix();
  await using node = await openNode(redis, prefix);
  await using other = await openNode(redis, prefix);
  const received = await node.subscribe();
  const notified: boolean[] = [];
  const lost: string[] = [];
  node.engine.watchReady((ready) => notified.push(ready));
  node.engine.watchEpoch((conversation) => lost.push(conversation));
  await node.fill(1, 5);
  await redis.kill();
  await waitUntil("notice", () => !node.engine.ready() && !other.engine.ready());
  expect((await node.post("6")).outcome).toBe("unavailable");
  expect(await node.engine.setReadMark("room", "anna", 1)).toBeUndefined();
  expect(await node.engine.page("room", 0, 5, 5)).toBeUndefined();
  expect(node.engine.subscribe("another", () => {})).rejects.toThrow();
  expect(node.engine.head("room")).rejects.toThrow();
  await redis.restart();
  await waitUntil("both are back", () => node.engine.ready() && other.engine.ready());
  expect(await other.post("6")).toMatchObject({ outcome: "stored", seq: 6 });
  expect(await node.post("6")).toMatchObject({ outcome: "duplicate", seq: 6 });
  expect(await node.post("5")).toMatchObject({ outcome: "duplicate", seq: 5 });
  await waitUntil("the messages that the other node stored", () => received.length === 6);
  expect(received.map(({ seq }) => seq)).toEqual(numbers(1, 6));
  expect(notified).toEqual([false, true]);
  expect(lost).toEqual([]);
});

test("D5 a Redis that returns empty has a new epoch, and subscribers are notified", async () => {
  await using redis = await startRedis();
  const prefix = freshPrefix();
  await using node = await openNode(redis, prefix);
  const received = await node.subscribe();
  const lost: [string, number][] = [];
  node.engine.watchEpoch((conversation, seq) => lost.push([conversation, seq]));
  await node.fill(1, 5);
  const before = await node.engine.head("room");
  const silent = await node.engine.head("silent");
  await redis.kill();
  await redis.restart();
  await waitUntil("the loss", () => lost.length > 0);
  expect(lost).toEqual([["room", 0]]);
  const after = await node.engine.head("room");
  expect(after).toMatchObject({ seq: 0, first: 1 });
  expect(after.epoch).not.toBe(before.epoch);
  expect((await node.engine.head("silent")).epoch).not.toBe(silent.epoch);
  await node.fill(6, 7);
  expect(received.slice(5).map(({ seq, id }) => [seq, id])).toEqual([
    [1, "6"],
    [2, "7"],
  ]);
  expect((await node.engine.subscribe("room", () => {})).epoch).toBe(after.epoch);
});

test("D5 a store that lost messages begins a new epoch, once, only in the conversations that lost some", async () => {
  await using redis = await startRedis();
  const prefix = freshPrefix();
  await using node = await openNode(redis, prefix);
  await using other = await openNode(redis, prefix);
  const lost: string[] = [];
  for (const each of [node, other])
    each.engine.watchEpoch((conversation, seq) => lost.push(`${conversation} ${seq}`));
  await Promise.all([node.subscribe("open"), other.subscribe("open"), node.subscribe("whole")]);
  for (const conversation of ["open", "whole", "closed"]) await node.fill(1, 5, { conversation });
  const epochs = async () =>
    Promise.all(["open", "whole", "closed"].map(async (room) => (await node.engine.head(room)).epoch));
  const before = await epochs();
  await withAdmin(redis, (admin) => admin.save());
  // What follows is not on disk: a replica that lagged would lack it in the same way.
  for (const conversation of ["open", "closed"]) await node.fill(6, 8, { conversation });
  await redis.kill();
  await redis.restart();
  await waitUntil("both nodes report the loss", () => lost.length >= 2);
  // They report it while they recover, and accept messages after that.
  await waitUntil("both are ready", () => node.engine.ready() && other.engine.ready());
  expect(lost).toEqual(["open 5", "open 5"]);
  // This node has no subscriber here; it detects the loss because it acknowledged more.
  expect(await node.post("new", { conversation: "closed" })).toMatchObject({ seq: 6 });
  const after = await epochs();
  expect(after[0]).not.toBe(before[0]!);
  expect(after[1]).toBe(before[1]!);
  expect(after[2]).not.toBe(before[2]!);
  expect((await other.engine.head("open")).epoch).toBe(after[0]!);
  // The loss is handled: later messages change nothing more.
  for (const each of [node, other]) {
    await each.post(`later ${each.client.node}`, { conversation: "open" });
    each.clock.advance(CHECKED);
  }
  expect(await epochs()).toEqual(after);
  expect(lost).toHaveLength(2);
});

test("D2 with ACK_AFTER=replica only replicated messages are acknowledged, and repeating a post is safe", async () => {
  await using redis = await startRedis(["--repl-diskless-sync-delay", "0"]);
  await using replica = await startRedis(["--replicaof", "127.0.0.1", String(redis.port)]);
  let pid = 0;
  await withAdmin(replica, async (admin) => {
    pid = Number(/process_id:(\d+)/.exec(await admin.info("server"))?.[1]);
  });
  const prefix = freshPrefix();
  const open = async () => TestNode.open(await connectTo(redis, prefix), { ackAfter: "replica" });
  await using node = await open();
  const received = await node.subscribe();
  await insist(node, "1");
  process.kill(pid, "SIGSTOP");
  const post = (on: TestNode) => on.post("2", { limit: 5 });
  expect((await post(node)).outcome).toBe("unavailable");
  // A connection that wrote nothing has nothing to wait for: the repeat must write, or it would be believed at once.
  await using other = await open();
  expect((await post(other)).outcome).toBe("unavailable");
  process.kill(pid, "SIGCONT");
  let result = await post(other);
  while (result.outcome === "unavailable") result = await post(other);
  expect(result).toMatchObject({ outcome: "duplicate", seq: 2, quota: { remaining: 4 } });
  await waitUntil("the message", () => received.length === 2);
  expect(received.map(({ id }) => id)).toEqual(["1", "2"]);
});

test("D2 D3 posting works when Redis has forgotten its scripts, as after a restart or SCRIPT FLUSH", async () => {
  await using redis = await startRedis();
  await using node = await openNode(redis, freshPrefix());
  const received = await node.subscribe();
  const notified: boolean[] = [];
  node.engine.watchReady((ready) => notified.push(ready));
  await withAdmin(redis, async (admin) => {
    for (let i = 1; i <= 20; i++) {
      await admin.script("FLUSH");
      const posts = [node.post(`${i}`, { limit: 100 }), node.post(`${i}`, { limit: 100 })];
      expect(await Promise.all(posts)).toMatchObject([
        { outcome: "stored", seq: i },
        { outcome: "duplicate", seq: i },
      ]);
      await admin.script("FLUSH");
      expect((await node.engine.quota("anna", 100))?.remaining).toBe(100 - i);
      expect((await node.engine.head("room")).seq).toBe(i);
    }
  });
  expect(received.map(({ seq }) => seq)).toEqual(numbers(1, 20));
  expect(notified).toEqual([]);
});
