// Redis Cluster changes under the nodes that use it: a slot moves, a primary dies. Real servers.
import { expect, test } from "bun:test";
import { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { startRedisCluster, type TestRedisCluster } from "../../../support/redis/cluster.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { FeedReader } from "../support/feed-reader.ts";
import { postContinuously } from "../support/post-continuously.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

async function connectTo({ nodes }: TestRedisCluster, prefix: string): Promise<RedisClient> {
  const hosts = nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  const address = { kind: "cluster", hosts, tls: false, database: 0 } as const;
  const client = new RedisClient({
    address,
    keys: new Keys(prefix),
    node: prefix,
    clock: systemClock(),
    emit: new RecordedLog().emit,
  });
  if (!(await client.start(TIMEOUT_MS))) throw new Error(client.lastErrorText);
  return client;
}

const openNode = async (cluster: TestRedisCluster, prefix: string) =>
  TestNode.open(await connectTo(cluster, prefix));

test("D1 D3 D5 EV1 while a slot moves, each message is stored, delivered and charged once, in order, and is one event", async () => {
  await using cluster = await startRedisCluster();
  await using node = await openNode(cluster, freshPrefix());
  await using other = await openNode(cluster, node.client.keys.prefix);
  const rooms = ["a", "b", "c", "d", "e", "f"];
  const received = new Map(
    await Promise.all(rooms.map(async (room) => [room, await other.subscribe(room)] as const)),
  );
  const lost: string[] = [];
  other.engine.watchEpoch((conversation) => lost.push(conversation));
  const posting = [postContinuously(node, "anna", rooms), postContinuously(other, "ben", rooms)];
  const reader = new FeedReader(other.client, 20).begin();
  await Bun.sleep(50);
  await cluster.moveSlot(node.client.keys.conversationKey("a", "meta"));
  await cluster.moveSlot(node.client.keys.userKey("anna", "quota"));
  await Bun.sleep(50);
  for (const each of posting) await each.stop();
  await reader.stop();
  let all = 0;
  for (const room of rooms) {
    const ids = posting.flatMap(({ stored }) => stored.get(room)!);
    await waitUntil(`all in ${room}`, () => {
      other.clock.advance(CHECKED);
      return received.get(room)!.length >= ids.length;
    });
    expect(received.get(room)!.map(({ seq }) => seq)).toEqual(numbers(1, ids.length));
    expect(
      received
        .get(room)!
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids.sort());
    expect(reader.seqs(room)).toEqual(numbers(1, ids.length));
    all += posting[0]!.stored.get(room)!.length;
  }
  expect([lost, reader.lost]).toEqual([[], []]);
  expect(await node.engine.quota("anna", 100_000)).toMatchObject({ remaining: 100_000 - all });
});

// The story: a script met a key that it had not named and that was not there, and ended between two of its writes.
test("MB2 L2 while a slot moves, members and limits are changed as a whole", async () => {
  await using cluster = await startRedisCluster();
  await using store = await TestMemberNode.open(await connectTo(cluster, freshPrefix()));
  const { members, node } = store;
  const { client } = node;
  const { commands, keys } = client;
  await node.post("1", { joins: { members: 10, conversations: 10 } });
  const sanction = { by: "anna", at: 1 };
  const standings = [{ user: "cat", muted: sanction, banned: sanction }];
  await members.change("room", 0, { news: [], standings });
  await commands.hset(keys.conversationKey("room", "gone"), "dan", "1");
  // Now only one key is missing of those that the change of members uses.
  expect(await commands.exists(keys.conversationKey("room", "sent"))).toBe(0);
  const { revision } = await members.read("room", []);
  const control = new ControlStream(client, node.clock, node.log.emit);
  const conversations = new RedisConversations(client, control);
  let changes: Promise<unknown> = Promise.resolve();
  await cluster.moveSlot(keys.conversationKey("room", "meta"), async (source) => {
    const made = members.change("room", revision, { news: [], standings: [{ user: "ben", role: "member" }] });
    changes = Promise.all([made, conversations.retain("room", { messages: 100, days: null })]);
    changes.catch(() => {});
    await waitUntil("Redis lets both wait for the end of the move", async () =>
      /TRYAGAIN:count=([2-9]|\d\d)/.test(await source.info("errorstats")),
    );
  });
  expect(await changes).toEqual([true, true]);
  expect((await members.read("room", ["ben"])).standings.get("ben")?.role).toBe("member");
  expect(await commands.hget(keys.conversationKey("room", "sent"), "ben")).toBe("1");
});

test("D5 L2 when a primary dies, acknowledged messages are still there, or subscribers are notified of the loss", async () => {
  await using cluster = await startRedisCluster({ replicas: 1 });
  await using node = await openNode(cluster, freshPrefix());
  await using other = await openNode(cluster, node.client.keys.prefix);
  const rooms = ["a", "b", "c", "d", "e", "f"];
  const lost = new Set<string>();
  for (const room of rooms) await other.subscribe(room);
  other.engine.watchEpoch((conversation) => lost.add(conversation));
  const posting = [postContinuously(node, "anna", rooms), postContinuously(other, "ben", rooms)];
  await Bun.sleep(100);
  await cluster.killPrimary(node.client.keys.conversationKey("a", "meta"));
  await Bun.sleep(200);
  for (const each of posting) await each.stop();
  for (const room of rooms) {
    const ids = posting.flatMap(({ stored }) => stored.get(room)!);
    const kept: string[] = [];
    for (let after = 0; ; ) {
      const page = await node.engine.page(room, after, Number.MAX_SAFE_INTEGER, 200);
      if (page === undefined || page.length === 0) break;
      kept.push(...page.map(({ id }) => id));
      expect(page[0]!.seq).toBe(after + 1);
      after = page.at(-1)!.seq;
    }
    // Each once.
    expect(new Set(kept).size).toBe(kept.length);
    other.clock.advance(CHECKED);
    if (!lost.has(room)) expect(kept.sort()).toEqual(ids.sort());
  }
});

test("L3 a node whose connections for announcements are gone opens new ones, and receives again", async () => {
  await using cluster = await startRedisCluster();
  await using node = await openNode(cluster, freshPrefix());
  await using other = await openNode(cluster, node.client.keys.prefix);
  const received = await other.subscribe("room");
  // As ioredis leaves it when a connection ends while that for commands to the same server is being replaced, too.
  const { commands } = other.client as unknown as { commands: { shardedSubscribers: { stop(): void } } };
  // It may be ready again before the next look at it.
  const lost = Promise.withResolvers<void>();
  other.client.watchReady((ready) => ready || lost.resolve());
  commands.shardedSubscribers.stop();
  await lost.promise;
  await waitUntil("the node is ready again", () => other.client.ready);
  await node.fill(1, 3);
  await waitUntil("all are received", () => received.length === 3);
  expect(received.map(({ seq }) => seq)).toEqual([1, 2, 3]);
});
