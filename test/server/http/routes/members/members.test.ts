import { describe, expect, test } from "bun:test";
import { ManualClock } from "../../../../support/time/manual-clock.ts";
import { startMemberServer } from "./member-api.ts";

describe("members", () => {
  test("MB1 a user who does not belong gets the same answer as for an unknown name, by every verb", async () => {
    await using api = await startMemberServer();
    const conversation = await api.make([{ user: "bob" }]);
    await api.as("ann", `POST /conversations/${conversation}/messages`, { text: "secret" });
    const verbs: [string, unknown?][] = [
      ["GET "],
      ["PATCH ", { title: "x" }],
      ["DELETE "],
      ["GET /messages"],
      ["POST /messages", { text: "x" }],
      ["GET /presence"],
      ["GET /members"],
      ["PUT /members/eve", {}],
      ["DELETE /members/eve"],
      ["PUT /members/dan", {}],
      ["DELETE /members/bob"],
      ["GET /mutes"],
      ["PUT /bans/bob", {}],
      ["DELETE /mutes/bob"],
    ];
    for (const [verb, body] of verbs) {
      const [method, rest = ""] = verb.split(" ");
      const [known, unknown] = await Promise.all(
        [conversation, `_${"a".repeat(25)}`].map((name) =>
          api.as("eve", `${method} /conversations/${name}${rest}`, body),
        ),
      );
      expect([verb, known]).toEqual([verb, unknown!]);
      expect([verb, known!.status, known!.body.code]).toEqual([verb, 403, "forbidden"]);
    }
    expect((await api.as("eve", "GET /me")).body.quota.remaining).toBe(100);
  });

  test("MB1 with CONVERSATION_ACCESS=members nothing comes to be by talking, and every unknown name is forbidden", async () => {
    await using api = await startMemberServer({ env: { CONVERSATION_ACCESS: "members" } });
    for (const line of ["GET /conversations/lobby/messages", "GET /conversations/lobby"])
      expect((await api.as("ann", line)).status).toBe(403);
    expect((await api.as("ann", "POST /conversations/lobby/messages", { text: "x" })).status).toBe(403);
    expect(
      (await api.as("key", "POST /conversations/lobby/messages", { text: "x", from: "ann" })).status,
    ).toBe(403);
    expect((await api.as("ann", "POST /conversations", {})).body.access).toBe("members");
    await api.as("key", "PUT /conversations/lobby", { access: "anyone" });
    expect((await api.as("ann", "POST /conversations/lobby/messages", { text: "x" })).status).toBe(201);
  });

  test("MB4 moderators add members, owners give roles, and one acts on lower roles only", async () => {
    await using api = await startMemberServer();
    const c = await api.make([
      { user: "mod", role: "moderator" },
      { user: "mod2", role: "moderator" },
      { user: "bob" },
    ]);
    const status = async (user: string, line: string, body?: unknown) =>
      (await api.as(user, line.replace(" /", ` /conversations/${c}/`), body)).status;
    expect(await status("bob", "PUT /members/new", {})).toBe(403);
    expect(await status("mod", "PUT /members/new", {})).toBe(200);
    expect(await status("mod", "PUT /members/new", {})).toBe(200);
    expect(await status("mod", "PUT /members/new2", { role: "moderator" })).toBe(403);
    expect(await status("mod", "PUT /members/new", { role: "moderator" })).toBe(403);
    expect(await status("mod", "DELETE /members/mod2")).toBe(403);
    expect(await status("mod", "PUT /mutes/mod2", {})).toBe(403);
    expect(await status("mod", "PUT /bans/ann", {})).toBe(403);
    expect(await status("mod", "DELETE /members/new")).toBe(204);
    expect(await status("mod", "DELETE /members/new")).toBe(204);
    expect(await status("bob", "GET /mutes")).toBe(403);
    expect(await status("ann", "PUT /members/mod2", { role: "member" })).toBe(200);
    expect(await status("mod", "PUT /mutes/mod2", {})).toBe(200);
    expect(await status("mod", "PUT /members/mod", { role: "owner" })).toBe(403);
    expect(await status("mod", "PUT /members/mod", { role: "member" })).toBe(200);
    expect(await status("ann", "PUT /members/bob", { role: "king" })).toBe(422);
    expect(await status("ann", "PUT /members/a%20b", {})).toBe(400);
  });

  test("MB4 the last owner cannot leave, be demoted, removed or banned, except by an API key", async () => {
    await using api = await startMemberServer();
    const path = `/conversations/${await api.make([{ user: "bob" }])}`;
    const own: [string, unknown?][] = [
      [`DELETE ${path}/members/ann`],
      [`PUT ${path}/members/ann`, { role: "member" }],
      [`PUT ${path}/bans/ann`, {}],
    ];
    for (const [line, body] of own)
      expect(await api.as("ann", line, body)).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect((await api.as("ann", `PUT ${path}/members/bob`, { role: "owner" })).status).toBe(200);
    expect((await api.as("bob", `PUT ${path}/members/ann`, { role: "member" })).status).toBe(200);
    expect((await api.as("bob", `DELETE ${path}/members/bob`)).status).toBe(409);
    expect((await api.as("key", `DELETE ${path}/members/bob`)).status).toBe(204);
    expect((await api.as("key", `PUT ${path}/members/ann`, { role: "owner" })).body.role).toBe("owner");
  });

  test("MB5 a user who left is added again by an API key only; one who was removed by anybody who may add", async () => {
    await using api = await startMemberServer();
    const path = `/conversations/${await api.make([{ user: "bob" }, { user: "cem" }])}`;
    await api.as("bob", `DELETE ${path}/members/bob`);
    await api.as("ann", `DELETE ${path}/members/cem`);
    expect((await api.as("ann", `PUT ${path}/members/bob`, {})).status).toBe(403);
    expect((await api.as("ann", `PUT ${path}/members/cem`, {})).status).toBe(200);
    expect((await api.as("bob", `PUT ${path}/members/bob`, {})).status).toBe(403);
    expect((await api.as("key", `PUT ${path}/members/bob`, {})).status).toBe(200);
    expect((await api.as("bob", `GET ${path}`)).body.role).toBe("member");
  });

  test("MB in a conversation of anyone one joins, leaves and joins again; the first message joins, too", async () => {
    await using api = await startMemberServer();
    const lobby = "/conversations/lobby";
    expect(await api.as("bob", `PUT ${lobby}/members/bob`)).toMatchObject({
      status: 200,
      body: { user: "bob", role: "member" },
    });
    expect((await api.as("bob", `PUT ${lobby}/members/bob`, { role: "owner" })).status).toBe(403);
    expect((await api.as("bob", `DELETE ${lobby}/members/bob`)).status).toBe(204);
    expect((await api.as("ann", `GET ${lobby}/members`)).body.members).toEqual([]);
    await api.as("bob", `POST ${lobby}/messages`, { text: "back" });
    await api.as("key", `POST ${lobby}/messages`, { text: "for cem", from: "cem" });
    await api.as("key", `POST ${lobby}/messages`, { text: "for nobody" });
    expect((await api.as("ann", `GET ${lobby}/members`)).body.members).toMatchObject([
      { user: "bob" },
      { user: "cem" },
    ]);
    expect((await api.as("bob", `PUT ${lobby}/members/dan`, {})).status).toBe(403);
  });

  test("MB5 lists are bounded: adding beyond is a conflict, talking is not refused", async () => {
    await using api = await startMemberServer({ env: { MAX_MEMBERS: "3", MAX_CONVERSATIONS_PER_USER: "2" } });
    const c = await api.make([{ user: "bob" }, { user: "cem" }]);
    expect(await api.as("ann", `PUT /conversations/${c}/members/dan`, {})).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    expect(
      (
        await api.as("ann", "POST /conversations", {
          members: [{ user: "bob" }, { user: "x" }, { user: "y" }],
        })
      ).status,
    ).toBe(409);
    await api.make();
    expect((await api.as("ann", "POST /conversations", {})).status).toBe(409);
    expect(
      (await api.as("eve", "POST /conversations", { members: [{ user: "ann" }] })).body.detail,
    ).toContain("`ann`");
    expect((await api.as("ann", "POST /conversations/lobby/messages", { text: "x" })).status).toBe(201);
    expect((await api.as("ann", "GET /conversations/lobby/members")).body.members).toEqual([]);
  });

  test("MB5 of the conversations that one was put into and never opened the oldest goes", async () => {
    const clock = new ManualClock();
    await using api = await startMemberServer({ clock });
    const names: string[] = [];
    for (let i = 0; i < 202; i++) {
      const { body } = await api.as("key", "POST /conversations", {
        access: "members",
        members: [{ user: "bob" }],
      });
      names.push(body.conversation);
      clock.advance(10);
      // Reading it is opening it.
      if (i === 0) await api.as("bob", `GET /conversations/${names[0]}/messages`);
    }
    const allowed = await Promise.all(names.map((name) => api.as("bob", `GET /conversations/${name}`)));
    const gone = allowed.flatMap(({ status }, i) => (status === 200 ? [] : [i]));
    expect(gone).toEqual([1]);
  });

  test("N7 MB lists come in pages", async () => {
    await using api = await startMemberServer();
    const users = Array.from({ length: 5 }, (_, i) => `u${i}`);
    const path = `/conversations/${await api.make(users.map((user) => ({ user })))}`;
    const first = (await api.as("ann", `GET ${path}/members?limit=4`)).body;
    expect([first.members.length, first.more]).toEqual([4, true]);
    const rest = (await api.as("ann", `GET ${path}/members?limit=4&cursor=${first.cursor}`)).body;
    expect([...first.members, ...rest.members].map(({ user }: { user: string }) => user)).toEqual([
      "ann",
      ...users,
    ]);
    expect([rest.more, rest.cursor]).toEqual([false, undefined]);
    for (const query of ["limit=0", "limit=201", "limit=x", "cursor=%20"])
      expect((await api.as("ann", `GET ${path}/members?${query}`)).status).toBe(422);
  });
});

describe("mutes and bans", () => {
  test("MB3 a mute ends to the second; the message is refused with `until` and without `retry_after`", async () => {
    const clock = new ManualClock();
    await using api = await startMemberServer({ clock });
    const path = `/conversations/${await api.make([{ user: "bob" }])}`;
    const muted = await api.as("ann", `PUT ${path}/mutes/bob`, { seconds: 60, reason: "too loud" });
    const until = clock.now() + 60_000;
    const mute = { user: "bob", until, reason: "too loud", by: "ann", at: clock.now() };
    expect(muted).toEqual({ status: 200, body: mute });
    expect((await api.as("ann", `GET ${path}/mutes`)).body).toEqual({ mutes: [mute], more: false });
    const say = () => api.as("bob", `POST ${path}/messages`, { text: "hello", id: "m" });
    const refused = await say();
    expect(refused).toMatchObject({ status: 403, body: { code: "muted", until } });
    expect(refused.body.retry_after).toBeUndefined();
    expect((await api.as("bob", `GET ${path}`)).body.muted).toEqual({ until, by: "ann" });
    expect((await api.as("bob", `GET ${path}/messages`)).status).toBe(200);
    expect((await api.as("key", `POST ${path}/messages`, { text: "for bob", from: "bob" })).status).toBe(201);
    clock.advance(59_999);
    expect((await say()).status).toBe(403);
    clock.advance(1);
    expect((await say()).status).toBe(201);
    expect((await api.as("ann", `GET ${path}/mutes`)).body).toEqual({ mutes: [], more: false });
    await api.as("ann", `PUT ${path}/mutes/bob`);
    expect((await api.as("bob", `POST ${path}/messages`, { text: "x" })).body.until).toBeUndefined();
    expect((await api.as("ann", `DELETE ${path}/mutes/bob`)).status).toBe(204);
    expect((await api.as("ann", `DELETE ${path}/mutes/bob`)).status).toBe(204);
    expect((await api.as("bob", `POST ${path}/messages`, { text: "x" })).status).toBe(201);
    for (const seconds of [0, -1, "60", 4e9])
      expect((await api.as("ann", `PUT ${path}/mutes/bob`, { seconds })).status).toBe(422);
  });

  test("MB2 MB4 a ban ends membership; `banned` in a conversation of anyone, `forbidden` in one of members", async () => {
    await using api = await startMemberServer();
    const open = (await api.as("ann", "POST /conversations", { access: "anyone" })).body.conversation;
    const closed = await api.make([{ user: "bob" }]);
    await api.as("bob", `POST /conversations/${open}/messages`, { text: "hello" });
    for (const c of [open, closed])
      expect((await api.as("ann", `PUT /conversations/${c}/bans/bob`, {})).status).toBe(200);
    for (const [c, code] of [
      [open, "banned"],
      [closed, "forbidden"],
    ]) {
      for (const line of ["GET", "POST"]) {
        const body = line === "POST" ? { text: "x" } : undefined;
        expect(await api.as("bob", `${line} /conversations/${c}/messages`, body)).toMatchObject({
          status: 403,
          body: { code },
        });
      }
      expect((await api.as("bob", `PUT /conversations/${c}/members/bob`, {})).body.code).toBe(code);
      expect((await api.as("ann", `PUT /conversations/${c}/members/bob`, {})).status).toBe(409);
      expect(
        await api.as("key", `POST /conversations/${c}/messages`, { text: "x", from: "bob" }),
      ).toMatchObject({
        status: 403,
        body: { code: "banned" },
      });
      expect((await api.as("ann", `GET /conversations/${c}/bans`)).body.bans).toMatchObject([
        { user: "bob", by: "ann" },
      ]);
      expect((await api.as("ann", `DELETE /conversations/${c}/bans/bob`)).status).toBe(204);
    }
    expect((await api.as("bob", `POST /conversations/${open}/messages`, { text: "x" })).status).toBe(201);
    expect((await api.as("bob", `POST /conversations/${closed}/messages`, { text: "x" })).status).toBe(403);
    expect((await api.as("ann", `PUT /conversations/${closed}/members/bob`, {})).status).toBe(200);
  });
});
