// The list of a user and a membership are in different slots. A node is killed with -9 between the two writes.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { freshPrefix, KINDS_OF_COMMON_CODE, type StartedRedis, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const PROGRAM = join(import.meta.dir, "../programs/member-writer.ts");
const JOINS = { members: 100, conversations: 100 };

/** Runs a node that is killed when it is about to run `script` for the `run`th time. */
async function killedBefore(
  redis: StartedRedis,
  prefix: string,
  action: string,
  script: string,
  run = 1,
): Promise<void> {
  const node = Bun.spawn(
    [process.execPath, "--no-env-file", PROGRAM, redis.url, prefix, action, script, String(run)],
    {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    },
  );
  await node.exited;
  expect(node.signalCode).toBe("SIGKILL");
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function begin() {
      const prefix = freshPrefix();
      const node = await TestMemberNode.open(await redis.connect(prefix));
      const change = async (standings: Parameters<typeof node.members.change>[2]["standings"]) => {
        const { revision } = await node.members.read("room", []);
        expect(await node.members.change("room", revision, { standings: standings!, news: [] })).toBe(true);
      };
      const list = async () => (await node.members.conversationsOf("bob", { limit: 9 })).conversations;
      const size = async () => (await node.members.listSize("bob")).conversations;
      const bob = async () => (await node.members.read("room", ["bob"])).standings.get("bob");
      return {
        prefix,
        node,
        change,
        list,
        size,
        bob,
        [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
      };
    }

    test("MB5 a node that is killed after the list and before the membership leaves no conversation in the list", async () => {
      await using store = await begin();
      await killedBefore(redis, store.prefix, "add", "members/change");
      expect([await store.bob(), await store.list(), await store.size()]).toEqual([undefined, [], 0]);
      await store.change([{ user: "bob", role: "member" }]);
      expect(await store.list()).toMatchObject([{ conversation: "room", role: "member" }]);
      expect(await store.size()).toBe(1);
    });

    test("MB2 a node that is killed after a ban and before the list leaves the user out, and other nodes have the news", async () => {
      await using store = await begin();
      const { node, members } = store.node;
      const news: string[] = [];
      members.watch((conversation, some) => {
        for (const each of some) news.push(`${conversation} ${each.type === "member" && each.user}`);
      });
      await store.change([{ user: "bob", role: "member" }]);
      await killedBefore(redis, store.prefix, "remove", "members/list-remove");
      expect(await store.bob()).toEqual({ banned: { by: "ann", at: 1 } });
      expect(await store.list()).toMatchObject([{ conversation: "room", role: undefined }]);
      expect(await store.size()).toBe(0);
      expect(await node.post("1", { user: "bob", joins: JOINS })).toEqual({ outcome: "banned" });
      await store.node.news.poll();
      expect(news).toEqual(["room bob"]);
      await store.change([{ user: "bob", role: "member", banned: null }]);
      expect(await store.list()).toMatchObject([{ conversation: "room", role: "member" }]);
      expect(await store.size()).toBe(1);
    });

    test("MB2 a node that is killed before a ban has changed nothing", async () => {
      await using store = await begin();
      await store.change([{ user: "bob", role: "member" }]);
      await killedBefore(redis, store.prefix, "remove", "members/change");
      expect(await store.bob()).toMatchObject({ role: "member" });
      expect(await store.list()).toMatchObject([{ conversation: "room", role: "member" }]);
      expect(await store.node.node.post("1", { user: "bob" })).toMatchObject({ outcome: "stored" });
    });
  });
}

describe("in Cluster", () => {
  const redis = useRealRedis("cluster");

  test.each([
    ["before its message", "messages/append", 1],
    ["after its message", "members/list-add", 2],
  ] as const)(
    "MB5 D2 a node that is killed in the middle of a first message, %s, leaves a list that is right when the message is sent again",
    async (_, script, run) => {
      const prefix = freshPrefix();
      await using store = await TestMemberNode.open(await redis.connect(prefix));
      await killedBefore(redis, prefix, "post", script, run);
      const stored = (await store.node.engine.head("room")).seq;
      expect(stored).toBe(script === "messages/append" ? 0 : 1);
      expect((await store.members.listSize("bob")).conversations).toBe(stored);
      expect(await store.node.post("1", { user: "bob", limit: 10, joins: JOINS })).toMatchObject({
        outcome: stored === 1 ? "duplicate" : "stored",
        seq: 1,
        quota: { remaining: 9 },
      });
      expect((await store.members.read("room", ["bob"])).standings.get("bob")?.role).toBe("member");
      expect((await store.members.listSize("bob")).conversations).toBe(1);
    },
  );
});
