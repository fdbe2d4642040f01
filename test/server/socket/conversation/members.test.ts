import { describe, expect, test } from "bun:test";
import { TestClient } from "../../../support/clients/test-client.ts";
import { startMemberServer } from "../../http/routes/members/member-api.ts";
import { connectUser, open } from "../user/user-client.ts";

async function begin() {
  const api = await startMemberServer({ env: { PRESENCE_GRACE: "5" } });
  const { server } = api;
  const address = async (user: string, conversation: string, query = "") =>
    `${server.wsUrl}/ws/${user}/${conversation}?token=${await server.token(user)}${query}`;
  return {
    ...api,
    connect: async (user: string, conversation: string) =>
      TestClient.connect(await address(user, conversation)),
    refusedAt: async (user: string, conversation: string) => {
      const client = await TestClient.open(await address(user, conversation));
      const { code } = await client.closed;
      return [code, client.frames.find(({ type }) => type === "error")];
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

describe("MB1 MB2 members on sockets", () => {
  test("MB1 only members open a conversation of members; an unknown name has the same answer", async () => {
    await using house = await begin();
    const c = await house.make([{ user: "bob" }], { title: "T" });
    const bob = await house.connect("bob", c);
    expect(bob.frames[0]).toMatchObject({ type: "welcome", access: "members", role: "member", title: "T" });
    const known = await house.refusedAt("eve", c);
    expect(known).toEqual([4403, { type: "error", code: "forbidden", message: expect.any(String) }]);
    expect(await house.refusedAt("eve", `_${"a".repeat(25)}`)).toEqual(known);
    bob.send({ type: "message", id: "1", text: "hello" });
    expect(await bob.next("ack")).toMatchObject({ seq: 1 });
  });

  test("MB2 a ban ends the user's sockets within a second; the others see it leave and no message comes", async () => {
    await using house = await begin();
    const c = (await house.as("ann", "POST /conversations", { access: "anyone" })).body.conversation;
    const ann = await house.connect("ann", c);
    const bob = await house.connect("bob", c);
    await ann.next("presence");
    await house.as("ann", `PUT /conversations/${c}/bans/bob`, { seconds: 60 });
    expect(await bob.closed).toMatchObject({ code: 4403 });
    expect(bob.frames.slice(-2)).toMatchObject([
      { type: "error", code: "banned", until: expect.any(Number) },
      { type: "closing", code: 4403, reconnect: false },
    ]);
    expect(await ann.next("presence")).toMatchObject({ user: "bob", state: "left" });
    expect(await ann.next("member")).toMatchObject({
      user: "bob",
      change: "banned",
      by: "ann",
      until: expect.any(Number),
    });
    expect(await house.refusedAt("bob", c)).toMatchObject([4403, { code: "banned" }]);
  });

  test("MB2 on the socket of a user `closed`, and each refusal after it, says when the ban ends", async () => {
    await using house = await begin();
    const c = (await house.as("ann", "POST /conversations", { access: "anyone" })).body.conversation;
    await using bob = await connectUser(house.server, "bob");
    await open(bob, c);
    const { until } = (await house.as("ann", `PUT /conversations/${c}/bans/bob`, { seconds: 60 })).body;
    const banned = { conversation: c, code: "banned", until };
    expect(await bob.next("closed")).toMatchObject(banned);
    bob.send({ type: "open", conversations: [{ conversation: c }] });
    expect(await bob.next("error")).toMatchObject(banned);
    for (const frame of [
      { type: "message", text: "x" },
      { type: "react", seq: 1, reaction: "x", on: true },
      { type: "history" },
      { type: "stream_start" },
    ] as const) {
      bob.send({ ...frame, conversation: c, id: frame.type } as never);
      expect(await bob.next("error")).toMatchObject({ ...banned, id: frame.type });
    }
    await house.as("ann", `PUT /conversations/${c}/bans/bob`, {});
    bob.send({ type: "open", conversations: [{ conversation: c }] });
    expect(await bob.next("error")).not.toHaveProperty("until");
  });

  test("MB2 access that is narrowed puts out those who do not belong", async () => {
    await using house = await begin();
    const c = (await house.as("ann", "POST /conversations", { access: "anyone", members: [{ user: "bob" }] }))
      .body.conversation;
    const [bob, eve] = [await house.connect("bob", c), await house.connect("eve", c)];
    await house.as("ann", `PATCH /conversations/${c}`, { access: "members" });
    expect(await eve.closed).toMatchObject({ code: 4403 });
    expect(eve.frames.at(-2)).toMatchObject({ type: "error", code: "forbidden" });
    expect(await bob.next("conversation")).toMatchObject({ access: "members", by: "ann" });
    expect(eve.frames.some(({ type }) => type === "conversation")).toBe(false);
  });

  test("MB3 a muted user gets `muted` with `until`, stays, and still receives", async () => {
    await using house = await begin();
    const c = await house.make([{ user: "bob" }]);
    const [ann, bob] = [await house.connect("ann", c), await house.connect("bob", c)];
    const { until } = (await house.as("ann", `PUT /conversations/${c}/mutes/bob`, { seconds: 600 })).body;
    expect(await bob.next("member")).toMatchObject({ user: "bob", change: "muted", until });
    bob.send({ type: "message", id: "1", text: "hello" });
    expect(await bob.next("error")).toEqual({
      type: "error",
      code: "muted",
      message: expect.any(String) as unknown as string,
      id: "1",
      until,
    });
    ann.send({ type: "message", id: "1", text: "for all" });
    expect(await bob.next("message")).toMatchObject({ text: "for all" });
  });

  test("MB3 the typing of a muted user is not sent to others, from either kind of socket, until the mute is lifted", async () => {
    await using house = await begin();
    const c = await house.make([{ user: "bob" }]);
    const ann = await house.connect("ann", c);
    const [bob, phone] = [await house.connect("bob", c), await connectUser(house.server, "bob")];
    await open(phone, c);
    await house.as("ann", `PUT /conversations/${c}/mutes/bob`, {});
    await ann.next("member");
    const late = await house.connect("bob", c);
    for (const client of [bob, late]) client.send({ type: "typing", active: true });
    phone.send({ type: "typing", conversation: c, active: true });
    // Each request after it is answered, so the server has handled `typing` by then.
    for (const client of [bob, late]) client.send({ type: "message", id: "t", text: "x" });
    phone.send({ type: "message", conversation: c, id: "t", text: "x" });
    for (const client of [bob, late, phone])
      expect(await client.next("error")).toMatchObject({ code: "muted" });
    ann.send({ type: "message", id: "1", text: "for all" });
    await ann.next("ack");
    expect(ann.of("typing")).toEqual([]);
    await house.as("ann", `DELETE /conversations/${c}/mutes/bob`);
    expect(await bob.next("member")).toMatchObject({ change: "unmuted" });
    bob.send({ type: "typing", active: true });
    expect(await ann.next("typing")).toMatchObject({ user: "bob", active: true });
    await house.as("ann", `PUT /conversations/${c}/mutes/bob`, {});
    expect(await ann.next("typing")).toMatchObject({ user: "bob", active: false });
  });

  test("MB2 P3 at a ban the others get the end of the user's typing, its leave and the ban, in this order", async () => {
    await using house = await begin();
    const c = await house.make([{ user: "bob" }]);
    const [ann, bob] = [await house.connect("ann", c), await house.connect("bob", c)];
    await ann.next("presence");
    bob.send({ type: "typing", active: true });
    await ann.next("typing");
    await house.as("ann", `PUT /conversations/${c}/bans/bob`, {});
    await ann.next("member");
    expect(ann.frames.slice(-3)).toMatchObject([
      { type: "typing", user: "bob", active: false },
      { type: "presence", user: "bob", state: "left" },
      { type: "member", user: "bob", change: "banned" },
    ]);
  });

  test("MB2 on the socket of a user the conversation is closed, and nothing of it can be read", async () => {
    await using house = await begin();
    const c = await house.make([{ user: "bob" }]);
    const bob = await connectUser(house.server, "bob");
    await open(bob, c, "lobby");
    await house.as("ann", `DELETE /conversations/${c}/members/bob`);
    expect(await bob.next("closed")).toMatchObject({ conversation: c, code: "forbidden" });
    for (const frame of [{ type: "history" }, { type: "message", id: "h", text: "x" }] as const) {
      bob.send({ ...frame, conversation: c, id: "h" });
      expect(await bob.next("error")).toMatchObject({ conversation: c, code: "forbidden", id: "h" });
    }
    bob.send({ type: "message", conversation: "lobby", id: "1", text: "still here" });
    expect(await bob.next("ack")).toMatchObject({ conversation: "lobby", seq: 1 });
  });

  test("MB a user becomes a member with the first message, and again after it has left", async () => {
    await using house = await begin();
    const bob = await house.connect("bob", "lobby");
    const roles = async () => (await house.as("ann", "GET /conversations/lobby/members")).body.members.length;
    for (const id of ["1", "2"]) {
      bob.send({ type: "message", id, text: "hello" });
      await bob.next("ack");
    }
    expect(await roles()).toBe(1);
    await house.as("bob", "DELETE /conversations/lobby/members/bob");
    await bob.next("member");
    expect(await roles()).toBe(0);
    bob.send({ type: "message", id: "3", text: "back" });
    await bob.next("ack");
    expect(await roles()).toBe(1);
  });
});
