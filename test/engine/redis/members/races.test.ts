// What two nodes that share nothing but Redis can do at the same moment.
import { describe, expect, test } from "bun:test";
import type { ConversationChange } from "../../../../src/core/members/records.ts";
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { isSameScript } from "../support/interrupted-scripts.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, type RealRedis, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const BY = { by: "ann", at: 1 };
const JOINS = { members: 100, conversations: 100 };

/** Two nodes on the same data. */
async function openTwo(redis: RealRedis) {
  const prefix = freshPrefix();
  const stack = new AsyncDisposableStack();
  const open = async () => stack.use(await TestMemberNode.open(await redis.connect(prefix)));
  const [here, there] = [await open(), await open()];
  return { here, there, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** Posts one message after the other, several at a time, until it is stopped. */
function talk({ node }: TestMemberNode, user: string) {
  const results: { readonly sentAfter: boolean; readonly result: PostResult }[] = [];
  let [stopped, answered, count] = [false, false, 0];
  const send = async () => {
    while (!stopped) {
      const sentAfter = answered;
      const result = await node.post(`${user} ${count++}`, { user, joins: JOINS });
      results.push({ sentAfter, result });
    }
  };
  const running = Promise.all([send(), send(), send()]);
  return {
    results,
    /** The change that is raced was answered. */
    onAnswer: () => {
      answered = true;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function change({ members }: TestMemberNode, fields: Partial<ConversationChange>): Promise<void> {
  for (;;) {
    const { revision } = await members.read("room", []);
    if (await members.change("room", revision, { news: [], ...fields })) return;
  }
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test.each([
      ["banned", "a ban", { standings: [{ user: "bob", role: null, banned: BY }] }],
      ["muted", "a mute", { standings: [{ user: "bob", muted: BY }] }],
      [
        "forbidden",
        "the removal from a conversation of members",
        { facts: { access: "members", at: 1 } as const, standings: [{ user: "bob", role: null }] },
      ],
    ] as const)(
      "MB2 (%s) %s by one node races messages at another: after its answer none is stored",
      async (outcome, _, racing) => {
        await using nodes = await openTwo(redis);
        const { here, there } = nodes;
        const bob = talk(there, "bob");
        const ann = talk(here, "ann");
        await waitUntil("both talk", () => bob.results.length > 20 && ann.results.length > 20);
        await change(here, racing);
        const { seq } = await here.members.read("room", []);
        bob.onAnswer();
        await waitUntil(
          "messages are sent after the answer",
          () => bob.results.filter(({ sentAfter }) => sentAfter).length > 20,
        );
        await bob.stop();
        await ann.stop();
        for (const { sentAfter, result } of bob.results) {
          if (result.outcome === "unavailable") continue;
          if (sentAfter) expect(result.outcome).toBe(outcome);
          else if (result.outcome === "stored") expect(result.seq).toBeLessThanOrEqual(seq);
          else expect(result.outcome).toBe(outcome);
        }
        const { standings } = await there.members.read("room", ["ann", "bob"]);
        expect(standings.get("ann")?.role).toBe("member");
        if (outcome !== "muted") expect(standings.get("bob")?.role).toBeUndefined();
        expect((await there.members.listSize("bob")).conversations).toBe(outcome === "muted" ? 1 : 0);
      },
    );

    test("MB5 of users who become members at two nodes at once no more than the limit do", async () => {
      await using nodes = await openTwo(redis);
      const joins = { members: 5, conversations: 100 };
      const users = Array.from({ length: 20 }, (_, i) => `user${i}`);
      const posted = users.map((user, i) =>
        (i % 2 === 0 ? nodes.here : nodes.there).node.post("1", { user, joins }),
      );
      for (const { outcome } of await Promise.all(posted)) expect(outcome).toBe("stored");
      const { members, standings } = await nodes.here.members.read("room", users);
      expect([members, standings.size]).toEqual([5, 5]);
      for (const user of users) {
        const listed = (await nodes.here.members.listSize(user)).conversations;
        expect([user, listed]).toEqual([user, standings.has(user) ? 1 : 0]);
      }
    });

    test("MB a user whom another node has removed becomes a member again with a later message, and its list has the conversation", async () => {
      await using nodes = await openTwo(redis);
      const { here, there } = nodes;
      for (const id of ["1", "2"]) await there.node.post(id, { user: "bob", joins: JOINS });
      await change(here, {
        standings: [{ user: "bob", role: null }],
        news: [{ type: "member", user: "bob", change: "removed", at: 1 }],
      });
      // The node may know the user as a member until the news arrive.
      there.node.clock.advance(1_000);
      await waitUntil("a message makes a member", async () => {
        await there.node.post(crypto.randomUUID(), { user: "bob", joins: JOINS });
        return (await here.members.read("room", ["bob"])).standings.has("bob");
      });
      expect(await here.members.conversationsOf("bob", { limit: 9 })).toMatchObject({
        conversations: [{ conversation: "room", role: "member" }],
      });
    });

    test("MB2 a user who is removed and speaks at once is in its list exactly when it is a member", async () => {
      await using nodes = await openTwo(redis);
      const { here, there } = nodes;
      for (let round = 0; round < 10; round++) {
        const user = `user${round}`;
        await there.node.post("first", { user, joins: JOINS });
        // Each message may make the user a member: the node does not know it any more after it has read the news.
        const talking = Array.from({ length: 8 }, async (_, i) => {
          await there.news.poll();
          return here.node.post(`${i}`, { user, joins: JOINS });
        });
        await change(there, { standings: [{ user, role: null }] });
        await Promise.all(talking);
        const isMember = (await here.members.read("room", [user])).standings.has(user);
        const { conversations } = await here.members.conversationsOf(user, { limit: 9 });
        expect([round, conversations.some(({ role }) => role !== undefined)]).toEqual([round, isMember]);
      }
    });

    test.each(["another node", "a message"])(
      "MB5 a user whom %s adds again before a removal has cleared the list stays in the list",
      async (by) => {
        await using nodes = await openTwo(redis);
        const { here, there } = nodes;
        await there.node.post("1", { user: "bob", joins: JOINS });
        const { client } = here.node;
        const { run } = client;
        let cleared = false;
        client.run = async (script, ...rest) => {
          if (isSameScript(script, "members/list-remove")) {
            cleared = true;
            await there.news.poll();
            if (by === "a message") await there.node.post("2", { user: "bob", joins: JOINS });
            else await change(there, { standings: [{ user: "bob", role: "member" }] });
          }
          return run.call(client, script, ...rest);
        };
        await change(here, {
          standings: [{ user: "bob", role: null }],
          news: [{ type: "member", user: "bob", change: "removed", at: 1 }],
        });
        expect(cleared).toBe(true);
        expect((await there.members.read("room", ["bob"])).standings.get("bob")?.role).toBe("member");
        expect(await there.members.listSize("bob")).toMatchObject({ conversations: 1 });
        const entries = await client.commands.hkeys(client.keys.userKey("bob", "conversations"));
        expect(entries).toEqual(["room"]);
      },
    );
  });
}
