// A message looks at its sender's standing only where there is a reason: the letters in `guard` of the head.
import { expect, test } from "bun:test";
import type { ConversationChange } from "../../../../src/core/members/records.ts";
import { freshPrefix, useRealRedis } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const redis = useRealRedis("standalone");
const BY = { by: "ann", at: 1 };

/** The commands that the scripts of one message run. */
async function commandsOfMessage(
  { node }: TestMemberNode,
  id: string,
  joins?: { members: number; conversations: number },
) {
  const { commands } = node.client;
  await commands.config("RESETSTAT");
  await node.post(id, { user: "bob", ...(joins !== undefined && { joins }) });
  const stats = await commands.info("commandstats");
  const of = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  return {
    hmget: of("hmget"),
    hget: of("hget"),
    hexists: of("hexists"),
    hlen: of("hlen"),
    zadd: of("zadd"),
    xadd: of("xadd"),
  };
}

/** The entries of the streams are the message and its event. */
const NOTHING = { hmget: 1, hget: 0, hexists: 0, hlen: 0, zadd: 0, xadd: 2 };

test("MB a message of a known member in a conversation without facts and sanctions runs the commands of any message", async () => {
  await using store = await TestMemberNode.open(await redis.connect(freshPrefix()));
  const joins = { members: 10, conversations: 10 };
  await store.node.post("0", { user: "ann" });
  expect(await commandsOfMessage(store, "1")).toEqual(NOTHING);
  // The message and the news, and the events of both.
  expect(await commandsOfMessage(store, "2", joins)).toMatchObject({ zadd: 1, xadd: 4 });
  expect(await commandsOfMessage(store, "3", joins)).toEqual(NOTHING);
});

test("MB2 when the last mute and ban are lifted, messages look up none any more", async () => {
  await using store = await TestMemberNode.open(await redis.connect(freshPrefix()));
  const { members, node } = store;
  const guard = () => node.client.commands.hget(node.client.keys.conversationKey("room", "meta"), "guard");
  const change = async (fields: Partial<ConversationChange>) => {
    const { revision } = await members.read("room", []);
    expect(await members.change("room", revision, { news: [], ...fields })).toBe(true);
    return guard();
  };
  expect(await change({ standings: [{ user: "bob", role: "member" }] })).toBeNull();
  expect(await change({ standings: [{ user: "bob", muted: BY, banned: BY }] })).toBe("s");
  expect(await change({ facts: { access: "members", at: 1 } })).toBe("fms");
  expect(await change({ standings: [{ user: "bob", muted: null }] })).toBe("fms");
  expect(await change({ facts: { access: "anyone", at: 1 } })).toBe("fs");
  expect(await change({ standings: [{ user: "bob", banned: null }] })).toBe("f");
  expect(await node.post("1", { user: "bob" })).toMatchObject({ outcome: "stored" });
});
