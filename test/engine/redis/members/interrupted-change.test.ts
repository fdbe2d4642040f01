// Redis does not undo a script that ends half way (messages/interrupted-batch.test.ts). Here: the scripts that change members, and
// those that make a sender a member.
import { describe, expect, test } from "bun:test";
import type { ConversationChange, ConversationView } from "../../../../src/core/members/records.ts";
import type { PostRequest } from "../../../../src/core/ports/message-log.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { InterruptedScripts } from "../support/interrupted-scripts.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const BY = { by: "ann", at: 1 };
const USERS = ["ann", "bob", "cem", "dan", "eve"];

/** More writes than any script here makes. */
const MOST_WRITES = 40;

const START: Omit<ConversationChange, "news"> = {
  facts: { access: "anyone", at: 1 },
  standings: [
    { user: "ann", role: "owner" },
    { user: "bob", role: "member", unopened: true },
    { user: "cem", role: "member", muted: BY },
  ],
};

/** It hands over the conversation, bans one user, adds another one, lifts a mute and narrows the access. */
const CHANGE: Omit<ConversationChange, "news"> = {
  facts: { access: "members", title: "T", at: 1 },
  standings: [
    { user: "bob", role: "owner" },
    { user: "ann", role: null, left: true },
    { user: "cem", muted: null },
    { user: "dan", role: "member", unopened: true },
    { user: "eve", role: null, banned: BY },
  ],
};

const rolesOf = ({ standings }: ConversationView) =>
  Object.fromEntries([...standings].map(([user, { since, ...rest }]) => [user, rest]));

const AFTER = {
  ann: { left: true },
  bob: { role: "owner", unopened: true },
  cem: { role: "member" },
  dan: { role: "member", unopened: true },
  eve: { banned: BY },
};

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function change({ members }: TestMemberNode, fields: Omit<ConversationChange, "news">) {
      const { revision } = await members.read("room", []);
      const news = [{ type: "conversation", access: "anyone", at: 1 }] as const;
      expect(await members.change("room", revision, { ...fields, news })).toBe(true);
    }

    /** Compares the numbers of a view with its standings, and the lists of users with both. */
    async function expectConsistent({ members }: TestMemberNode, where: string): Promise<ConversationView> {
      const view = await members.read("room", USERS);
      const standings = [...view.standings.values()];
      const owners = standings.filter(({ role }) => role === "owner").length;
      expect([where, view.owners]).toEqual([where, owners]);
      expect([where, view.members]).toEqual([
        where,
        standings.filter(({ role }) => role !== undefined).length,
      ]);
      expect([where, owners > 0]).toEqual([where, true]);
      for (const user of USERS) {
        const { conversations } = await members.conversationsOf(user, { limit: 9 });
        const isListed = conversations.some(({ role }) => role !== undefined);
        expect([where, user, isListed]).toEqual([where, user, view.standings.get(user)?.role !== undefined]);
      }
      const listed = (await members.members("room", { limit: 9 })).members.map(({ user }) => user);
      expect([where, listed]).toEqual([
        where,
        [...view.standings].filter(([, { role }]) => role !== undefined).map(([user]) => user),
      ]);
      return view;
    }

    test.each(["members/change", "members/list-add", "members/list-remove"])(
      "MB2 MB4 wherever %s ends, the state is consistent, has an owner, and the change can be decided again",
      async (script) => {
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          const where = `${script} at write ${write}`;
          const prefix = freshPrefix();
          const client = await redis.connect(prefix);
          await using node = await TestMemberNode.open(client);
          await using other = await TestMemberNode.open(await redis.connect(prefix));
          const news: string[] = [];
          other.members.watch((conversation) => news.push(conversation));
          await node.node.post("1", { user: "eve", joins: { members: 10, conversations: 10 } });
          await change(node, START);
          const broken = new InterruptedScripts(client);
          broken.next = { script, write };
          const { revision } = await node.members.read("room", []);
          const made = await node.members
            .change("room", revision, {
              ...CHANGE,
              news: [{ type: "conversation", access: "members", at: 2 }],
            })
            .catch(() => "failed");
          ended = broken.happened;
          // A list that could not be cleared is no reason to refuse the change.
          expect([where, made]).toEqual([where, ended && script !== "members/list-remove" ? "failed" : true]);
          await expectConsistent(other, where);
          if (made === "failed") await change(node, CHANGE);
          const view = await expectConsistent(other, `${where}, repeated`);
          expect([where, view.facts]).toEqual([where, CHANGE.facts]);
          expect<unknown>([where, rolesOf(view)]).toEqual([where, AFTER]);
          await other.news.poll();
          expect([where, news.length >= 2]).toEqual([where, true]);
          expect(await node.node.post("2", { user: "eve" })).toEqual({ outcome: "forbidden" });
        }
      },
      120_000,
    );

    test.each(
      kind === "standalone"
        ? ["messages/batch"]
        : ["messages/reserve", "messages/append", "members/list-add"],
    )(
      "MB D2 D3 wherever %s ends, a first message is stored and charged once, and a later one makes the member",
      async (script) => {
        const joins: PostRequest["joins"] = { members: 10, conversations: 10 };
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          const where = `${script} at write ${write}`;
          const client = await redis.connect(freshPrefix());
          await using node = await TestMemberNode.open(client);
          await change(node, { standings: [{ user: "ann", role: "owner" }] });
          const broken = new InterruptedScripts(client);
          broken.next = { script, write };
          const first = await node.node.post("1", { user: "bob", limit: 10, joins });
          ended = broken.happened;
          // Without its list a user does not become a member, and its message is stored.
          const isRefused = ended && script !== "members/list-add";
          expect([where, first.outcome]).toEqual([where, isRefused ? "unavailable" : "stored"]);
          await expectConsistent(node, where);
          const again = await node.node.post("1", { user: "bob", limit: 10, joins });
          expect([where, again]).toMatchObject([where, { seq: 1, quota: { remaining: 9 } }]);
          await node.node.post("2", { user: "bob", limit: 10, joins });
          const { standings } = await expectConsistent(node, `${where}, repeated`);
          expect([where, standings.get("bob")?.role]).toEqual([where, "member"]);
        }
      },
      120_000,
    );

    test("MB6 wherever the removal of a conversation ends, it can be repeated, and nothing of it is left", async () => {
      let ended = true;
      for (let write = 1; ended; write++) {
        expect(write).toBeLessThan(MOST_WRITES);
        const client = await redis.connect(freshPrefix());
        await using node = await TestMemberNode.open(client);
        await change(node, START);
        const { epoch } = await node.members.read("room", []);
        const conversations = new RedisConversations(client, { append: async () => {} });
        const broken = new InterruptedScripts(client);
        broken.next = { script: "messages/conversation-remove", write };
        const removed = await conversations.remove("room").catch(() => "failed");
        ended = broken.happened;
        expect([write, removed]).toEqual([write, ended ? "failed" : true]);
        if (ended) await conversations.remove("room");
        const view = await node.members.read("room", USERS);
        expect([write, view]).toMatchObject([
          write,
          { exists: false, facts: undefined, members: 0, owners: 0, standings: new Map() },
        ]);
        expect([write, view.epoch !== epoch]).toEqual([write, true]);
        expect([write, (await node.members.listSize("ann")).conversations]).toEqual([write, 0]);
        expect([write, await conversations.find("room")]).toEqual([write, undefined]);
      }
    }, 120_000);
  });
}
