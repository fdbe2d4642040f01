// The lists of users: what a conversation does not confirm is left out, and removed later.
import { describe, expect, test } from "bun:test";
import type { Standing } from "../../../../src/core/members/records.ts";
import { LIST_MEMORY_MS } from "../../../../src/core/ports/conversation/members.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const JOINS = { members: 100, conversations: 10_000 };
const HOUR = 3_600_000;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function begin() {
      // The time of the store only: the timers of a node would run millions of times in 30 days.
      const clock = new ManualClock();
      const store = await TestMemberNode.open(await redis.connect(freshPrefix()), { time: clock });
      const { client } = store.node;
      const stored = (what: "conversations" | "former") =>
        client.commands.hgetall(client.keys.userKey("ann", what));
      const list = async () => (await store.members.conversationsOf("ann", { limit: 100 })).conversations;
      const dispose = () => store[Symbol.asyncDispose]();
      return { clock, store, client, stored, list, [Symbol.asyncDispose]: dispose };
    }

    test("MB5 an entry without a membership is not listed, stays for an hour, and is removed by a later reader", async () => {
      await using lists = await begin();
      const { client, clock } = lists;
      const entry = `${clock.now()} token`;
      await client.commands.hset(client.keys.userKey("ann", "conversations"), "room", entry);
      clock.advance(HOUR);
      expect(await lists.list()).toEqual([]);
      expect(await lists.stored("conversations")).toEqual({ room: entry });
      clock.advance(1);
      expect(await lists.list()).toEqual([]);
      await waitUntil(
        "it is removed",
        async () => Object.keys(await lists.stored("conversations")).length === 0,
      );
      expect(await lists.stored("former")).toEqual({});
      await lists.store.node.post("1", { user: "ann", joins: JOINS });
      expect(await lists.list()).toMatchObject([{ conversation: "room", role: "member" }]);
    });

    test("MB6 a removed conversation is remembered in the list for 30 days, and then forgotten", async () => {
      await using lists = await begin();
      const { client, clock } = lists;
      await lists.store.node.post("1", { user: "ann", joins: JOINS });
      clock.advance(HOUR);
      const removedAt = clock.now();
      await new RedisConversations(client, { append: async () => {} }, clock).remove("room");
      const left = [{ conversation: "room", role: undefined, changedAt: removedAt }];
      expect(await lists.list()).toEqual(left);
      clock.advance(HOUR);
      expect(await lists.list()).toEqual(left);
      await waitUntil("it is moved", async () => (await lists.stored("former")).room === String(removedAt));
      expect(await lists.stored("conversations")).toEqual({});
      clock.advance(LIST_MEMORY_MS - HOUR - 1);
      expect(await lists.list()).toEqual(left);
      clock.advance(1);
      expect(await lists.list()).toEqual([]);
      await waitUntil("it is forgotten", async () => Object.keys(await lists.stored("former")).length === 0);
    });

    test("MB5 a list of hundreds of conversations is read in pages, in the order of names, each once", async () => {
      await using lists = await begin();
      const { members, node } = lists.store;
      const rooms = Array.from({ length: 700 }, (_, i) => `room${i}`);
      await Promise.all(
        rooms.map((conversation) => node.post("1", { conversation, user: "ann", joins: JOINS })),
      );
      const found: string[] = [];
      for (let more = true; more; ) {
        const page = await members.conversationsOf("ann", { after: found.at(-1), limit: 90 });
        found.push(...page.conversations.map(({ conversation }) => conversation));
        more = page.more;
      }
      expect(found).toEqual(rooms.sort());
      expect(await members.listSize("ann")).toMatchObject({ conversations: 700, unopened: 0 });
    });

    test("MB1 the standings of thousands of users are read at one moment, each to its user", async () => {
      await using lists = await begin();
      const { members } = lists.store;
      const { revision } = await members.read("room", []);
      const [by, at] = ["ann", 1];
      const standings = [
        { user: "user0", role: "owner" },
        { user: "user999", muted: { by, at } },
        { user: "user1000", banned: { by, at } },
        { user: "user19999", left: true },
      ] as const;
      expect(await members.change("room", revision, { standings, news: [] })).toBe(true);
      const users = Array.from({ length: 20_000 }, (_, i) => `user${i}`);
      const since = lists.clock.now();
      expect((await members.read("room", users)).standings).toEqual(
        new Map<string, Standing>([
          ["user0", { role: "owner", since }],
          ["user999", { muted: { by, at } }],
          ["user1000", { banned: { by, at } }],
          ["user19999", { left: true }],
        ]),
      );
    });
  });
}
