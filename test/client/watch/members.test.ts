import { expect, test } from "bun:test";
import { connect, type MemberList, watchMembers, watchMessages } from "../../../src/client/index.ts";
import { becomes, keepOpen, next, reaches } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";

const membersOf = ({ members }: MemberList) => members.map(({ user, role }) => `${user} ${role}`).sort();

test("MB1 MB4 a group is made, its members are listed, changed and removed", async () => {
  await using server = await startTestServer();
  const [ann, ben] = await Promise.all(
    ["ann", "ben"].map(async (user) => connect({ url: server.url, token: await server.token(user) })),
  );
  const facts = await ann!.create({ access: "members", title: "Plans" });
  expect(facts).toMatchObject({ access: "members", title: "Plans", role: "owner" });
  const group = ann!.conversation(facts.conversation);
  const list = watchMembers(group);
  expect(watchMembers(group)).toBe(list);
  const end = list.subscribe(() => {});
  await becomes(list, (value) => membersOf(value).join() === "ann owner");
  await list.put("ben");
  expect(membersOf(list.getSnapshot())).toEqual(["ann owner", "ben member"]);
  await list.put("ben", "moderator");
  expect(membersOf(list.getSnapshot())).toEqual(["ann owner", "ben moderator"]);

  const theirs = ben!.conversation(facts.conversation);
  const messages = watchMessages(theirs);
  const endMessages = messages.subscribe(() => {});
  await reaches(theirs, "live");
  expect((await theirs.send("thank you")).seq).toBe(1);
  expect(await group.update({ title: "Our plans" })).toMatchObject({ title: "Our plans" });

  // A mute fails one message, and holds up nothing.
  await list.put("ben", "member");
  const muted = await list.mute("ben", { seconds: 60, reason: "too loud" });
  expect(muted.until).toBeGreaterThan(Date.now());
  expect(await theirs.send("loud").catch((error) => error)).toMatchObject({
    code: "muted",
    until: muted.until!,
    conversation: facts.conversation,
  });
  expect(messages.getSnapshot().entries.at(-1)).toMatchObject({
    state: "failed",
    text: "loud",
    error: { code: "muted" },
  });
  await list.unmute("ben");
  messages.retry(messages.getSnapshot().entries.at(-1)!);
  await becomes(messages, ({ entries }) => entries.at(-1)?.seq === 2);

  await list.ban("ben");
  expect(membersOf(list.getSnapshot())).toEqual(["ann owner"]);
  // The ban has closed the conversation, or this message does.
  expect(["forbidden", "banned"]).toContain(await theirs.send("but").catch((error) => error.code));
  await list.unban("ben");
  expect(list.remove("ann")).rejects.toMatchObject({ code: "conflict" });
  await group.remove();
  end();
  endMessages();
  await Promise.all([ann!.close(), ben!.close()]);
});

test("MB2 a banned user learns until when: by the state, the event and the error of a message", async () => {
  await using server = await startTestServer();
  const [ann, ben] = await Promise.all(
    ["ann", "ben"].map(async (user) => connect({ url: server.url, token: await server.token(user) })),
  );
  const { conversation } = await ann!.create({ id: "open", access: "anyone" });
  const theirs = ben!.conversation(conversation);
  keepOpen(theirs);
  await reaches(theirs, "live");
  const closed = next(ben!, "closed");
  const { until } = await watchMembers(ann!.conversation(conversation)).ban("ben", { seconds: 60 });
  expect(until).toBeGreaterThan(0);
  expect(await closed).toMatchObject({ conversation, code: "banned", until });
  expect(theirs.status.getSnapshot()).toMatchObject({ state: "closed", code: "banned", until });
  expect(await theirs.send("but").catch((error) => error)).toMatchObject({ code: "banned", until });
  await Promise.all([ann!.close(), ben!.close()]);
});

test("create() is safe to repeat: the same id makes one conversation", async () => {
  await using server = await startTestServer();
  const ann = connect({ url: server.url, token: await server.token("ann") });
  const [one, two] = await Promise.all([
    ann.create({ id: "c1", title: "One" }),
    ann.create({ id: "c1", title: "One" }),
  ]);
  expect(one.conversation).toBe(two.conversation);
  const direct = await ann.create({ direct: "ben" });
  expect(direct).toMatchObject({ access: "members", direct: "ben" });
  await ann.close();
});
