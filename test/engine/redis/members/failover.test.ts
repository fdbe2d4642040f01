// Bans and members when another server becomes primary. Real servers and sentinels.
import { expect, test } from "bun:test";
import { startSentinel } from "../../../support/redis/sentinel.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { connectTo, freshPrefix } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const BY = { by: "ann", at: 1 };
const JOINS = { members: 100, conversations: 100 };

test("MB2 a ban that a replica has confirmed stands after a failover; every node checks what it may have missed", async () => {
  await using sentinel = await startSentinel();
  const prefix = freshPrefix();
  await using here = await TestMemberNode.open(await connectTo(sentinel.url, prefix), {
    ackAfter: "replica",
  });
  await using there = await TestMemberNode.open(await connectTo(sentinel.url, prefix), {
    ackAfter: "replica",
  });
  let gaps = 0;
  there.members.watch(
    () => {},
    () => void gaps++,
  );
  // On a busy machine a replica may be too late, and then the same is sent again.
  for (const user of ["bob", "cem"])
    await waitUntil("the message is confirmed", async () => {
      const { outcome } = await there.node.post("1", { user, joins: JOINS });
      return outcome === "stored" || outcome === "duplicate";
    });
  await waitUntil("the ban is confirmed", async () => {
    const { revision } = await here.members.read("room", []);
    const ban = { standings: [{ user: "bob", role: null, banned: BY }], news: [] };
    return here.members.change("room", revision, ban);
  });
  await sentinel.killPrimary();
  await waitUntil(
    "both nodes reach the new primary",
    () => here.node.client.ready && there.node.client.ready,
  );
  const { standings } = await there.members.read("room", ["bob", "cem"]);
  expect(standings.get("bob")).toEqual({ banned: BY });
  expect(standings.get("cem")?.role).toBe("member");
  await waitUntil("the other node checks its conversations", async () => {
    await there.news.poll();
    return gaps > 0;
  });
});

test("MB2 MB5 after a failover to a replica that lacks the newest changes, lists agree with conversations, and later changes arrive", async () => {
  await using sentinel = await startSentinel();
  const prefix = freshPrefix();
  await using here = await TestMemberNode.open(await connectTo(sentinel.url, prefix));
  await using there = await TestMemberNode.open(await connectTo(sentinel.url, prefix));
  const received: string[] = [];
  there.members.watch(
    (_, news) => void received.push(...news.map((each) => (each.type === "member" ? each.user : ""))),
    () => void received.push("gap"),
  );
  await there.node.post("1", { user: "bob", joins: JOINS });
  await sentinel.waitForReplica(`${prefix}:written`);
  await sentinel.pauseReplication();
  await there.node.post("2", { user: "cem", joins: JOINS });
  const isMember = async (user: string) =>
    (await here.members.read("room", [user])).standings.get(user)?.role === "member";
  const isListed = async (user: string) =>
    (await here.members.conversationsOf(user, { limit: 9 })).conversations.some(
      ({ role }) => role !== undefined,
    );
  expect([await isMember("cem"), await isListed("cem")]).toEqual([true, true]);
  await sentinel.killPrimary();
  await waitUntil(
    "both nodes reach the new primary",
    () => here.node.client.ready && there.node.client.ready,
  );
  await waitUntil("the gap is reported", async () => {
    await there.news.poll();
    return received.includes("gap");
  });
  expect([await isMember("bob"), await isListed("bob")]).toEqual([true, true]);
  expect([await isMember("cem"), await isListed("cem")]).toEqual([false, false]);
  // The node has forgotten whom it knew: the next message makes the user a member again.
  expect(await there.node.post("3", { user: "cem", joins: JOINS })).toMatchObject({ outcome: "stored" });
  expect([await isMember("cem"), await isListed("cem")]).toEqual([true, true]);
  await waitUntil("later changes arrive", async () => {
    await there.news.poll();
    return received.at(-1) === "cem";
  });
});
