// In Cluster a batch is one call for each bucket of users, then one for each bucket of conversations. Real servers.
import { describe, expect, test } from "bun:test";
import type { HistoryResult, PostResult } from "../../../../src/core/ports/message-log.ts";
import { BUCKET_COUNT, bucketOf } from "../../../../src/engine/redis/connection/buckets.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { namesInOneBucket } from "../support/names-in-one-bucket.ts";
import { freshPrefix, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";
import { TestNode } from "../support/test-node.ts";

const ROOMS = namesInOneBucket("room", 3);
const USERS = namesInOneBucket("user", 3);
const LIMIT = 5;

/** Notes how many keys each script call of a batch has, from now on. */
function watchCalls(client: RedisClient): number[] {
  const calls: number[] = [];
  const { runDurably } = client;
  client.runDurably = (script, keys, ...rest) => {
    calls.push(keys.length);
    return runDurably.call(client, script, keys, ...rest);
  };
  return calls;
}

/** The users and conversations of `count` messages, spread as evenly as they can be. */
const spread = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `m${i}`, conversation: `room-${i}`, user: `user-${i}` }));

describe("a batch in Cluster", () => {
  const redis = useRealRedis("cluster");

  test("is one call for all users of a bucket, one for all its conversations, and one that settles", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const calls = watchCalls(node.client);
    const posts = ROOMS.flatMap((conversation) =>
      USERS.map((user) => node.post(`${conversation} ${user}`, { conversation, user, limit: LIMIT })),
    );
    const results = await Promise.all(posts);
    expect(results.map((result) => "seq" in result && result.seq)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
    // The keys of the conversations, and of the bucket: its events, and that a node watches.
    expect(calls).toEqual([2 * USERS.length, 5 * ROOMS.length + 2, 2 * USERS.length]);
  });

  test("has no more calls than there are buckets, however many conversations are in it", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const calls = watchCalls(node.client);
    const all = spread(300);
    await Promise.all(all.map(({ id, ...fields }) => node.post(id, { ...fields, limit: LIMIT })));
    const buckets = (what: "user" | "conversation") => new Set(all.map((each) => bucketOf(each[what]))).size;
    expect(calls).toHaveLength(2 * buckets("user") + buckets("conversation"));
    expect(calls.length).toBeLessThanOrEqual(3 * BUCKET_COUNT);
  });

  test("D3 Q2 a repeat whose charge cannot be refunded now is tried again, and is charged once", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const post = () => node.post("m1", { limit: LIMIT });
    expect(await post()).toMatchObject({ outcome: "stored", quota: { remaining: LIMIT - 1 } });
    const { runDurably } = node.client;
    let calls = 0;
    // The third call of a batch settles.
    node.client.runDurably = async (...call) => {
      if (++calls === 3) throw new Error("Connection is closed.");
      return runDurably.apply(node.client, call);
    };
    expect(await post()).toEqual({ outcome: "unavailable" });
    expect(await post()).toMatchObject({ outcome: "duplicate", quota: { remaining: LIMIT - 1 } });
    expect(await node.engine.quota("anna", LIMIT)).toMatchObject({ remaining: LIMIT - 1 });
  });

  test("Q2 MB2 a message that was stored before its sender was banned stays charged when its repeat is refused", async () => {
    await using store = await TestMemberNode.open(await redis.connect(freshPrefix()));
    const { node, members } = store;
    const { runDurably } = node.client;
    let calls = 0;
    // The second call of a batch appends: its message is stored, and the reply is lost.
    node.client.runDurably = async (...call) => {
      const reply = await runDurably.apply(node.client, call);
      if (++calls === 2) throw new Error("Connection is closed.");
      return reply;
    };
    expect(await node.post("m1", { limit: LIMIT })).toEqual({ outcome: "unavailable" });
    node.client.runDurably = runDurably;
    const { revision } = await members.read("room", []);
    const standings = [{ user: "anna", banned: { by: "ben", at: 1 } }];
    expect(await members.change("room", revision, { news: [], standings })).toBe(true);
    expect(await node.post("m1", { limit: LIMIT })).toEqual({ outcome: "banned" });
    expect(await node.engine.quota("anna", LIMIT)).toMatchObject({ remaining: LIMIT - 1 });
    expect(await node.post("m2", { limit: LIMIT })).toEqual({ outcome: "banned" });
    expect(await node.engine.quota("anna", LIMIT)).toMatchObject({ remaining: LIMIT - 1 });
  });

  // The story: of two connections of a user one knew that it is a member, and the other did not. The node had forgotten it.
  test("D3 Q2 MB5 two messages of a user in a batch of which only one can make it a member are both stored", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const joins = { members: 10, conversations: 10 };
    const results = [
      node.post("1", { limit: LIMIT }),
      node.post("2", { limit: LIMIT, joins }),
      node.post("3", { limit: LIMIT }),
      node.post("4", { limit: LIMIT, conversation: "other" }),
    ];
    expect((await Promise.all(results)).map(({ outcome }) => outcome)).toEqual(Array(4).fill("stored"));
    expect(await node.client.commands.hkeys(node.client.keys.userKey("anna", "conversations"))).toEqual([
      "room",
    ]);
    expect(await node.engine.quota("anna", LIMIT)).toMatchObject({ remaining: LIMIT - 4 });
  });

  test("D3 Q2 an error in a batch makes its requests unavailable, and no later one: a repeat finds the charge", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const { runDurably } = node.client;
    const both = () =>
      Promise.all([
        node.post("1", { limit: LIMIT, conversation: ROOMS[0]! }),
        node.post("2", { limit: LIMIT, conversation: "elsewhere" }),
      ]);
    // The reply of the bucket of the first conversation cannot be read.
    const name = node.client.keys.conversationName(ROOMS[0]!);
    node.client.runDurably = async (...call) => {
      const reply = await runDurably.apply(node.client, call);
      return call[1].includes(name) ? undefined : reply;
    };
    expect(await both()).toMatchObject([{ outcome: "unavailable" }, { outcome: "stored" }]);
    node.client.runDurably = () => {
      throw new Error("out of memory");
    };
    expect(await node.post("3")).toEqual({ outcome: "unavailable" });
    expect(node.log.events()).toEqual(["store.write_failed", "store.write_failed"]);
    node.client.runDurably = runDurably;
    expect(await both()).toMatchObject([
      { outcome: "duplicate", seq: 1 },
      { outcome: "duplicate", seq: 1 },
    ]);
    expect(await node.engine.quota("anna", LIMIT)).toMatchObject({ remaining: LIMIT - 2 });
  });

  test("D3 Q1 Q2 gives each message, history and mark its own result where users and conversations share a call", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    const [ann, ben, cat] = USERS as [string, string, string];
    const [red, green] = ROOMS as [string, string];
    const post = (conversation: string, user: string, id: string) =>
      node.post(id, { conversation, user, limit: LIMIT });
    for (let i = 0; i < LIMIT; i++) await post(green, cat, `before ${i}`);
    const history = (conversation: string, user: string) =>
      new Promise<HistoryResult>((done) =>
        node.engine.history({ conversation, user, limit: LIMIT, count: 10 }, done),
      );
    const results = await Promise.all([
      post(red, ann, "1"),
      post(green, ben, "2"),
      post(green, cat, "over the limit"),
      post(green, cat, "before 3"),
      node.engine.setReadMark(green, cat, 4),
      post(red, ben, "3"),
      history(red, ben),
      post(red, ann, "1"),
      history(green, cat),
      node.engine.setReadMark(red, ann, 9),
    ]);
    const quota = (used: number) => ({ limit: LIMIT, remaining: LIMIT - used });
    expect(results).toMatchObject([
      { outcome: "stored", seq: 1, quota: quota(1) },
      { outcome: "stored", seq: LIMIT + 1, quota: quota(1) },
      { outcome: "rate_limited", quota: quota(LIMIT) },
      { outcome: "duplicate", seq: 4, quota: quota(LIMIT) },
      4,
      { outcome: "stored", seq: 2, quota: quota(2) },
      { outcome: "read", quota: quota(3) },
      { outcome: "duplicate", seq: 1, quota: quota(1) },
      { outcome: "rate_limited", quota: quota(LIMIT) },
      undefined,
    ] as unknown as PostResult[]);
    for (const [user, used] of [
      [ann, 1],
      [ben, 3],
      [cat, LIMIT],
    ] as const)
      expect(await node.engine.quota(user, LIMIT)).toMatchObject(quota(used));
  });
});
