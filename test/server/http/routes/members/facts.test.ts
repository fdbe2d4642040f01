import { describe, expect, test } from "bun:test";
import type { Grants } from "../../../../../src/core/access/grants.ts";
import { hashOfApiKey, newApiKey } from "../../../../../src/server/authentication/api-keys.ts";
import { signToken } from "../../../../../src/server/authentication/tokens.ts";
import type { TestServer } from "../../../../support/server/test-server.ts";
import { startMemberServer } from "./member-api.ts";

const NAME = expect.stringMatching(/^_[a-z2-7]{25}$/);

describe("POST /conversations", () => {
  test("MB1 the server gives an unguessable name, and the user is the owner", async () => {
    await using api = await startMemberServer();
    const request = { access: "members", title: "Team", data: { colour: "red" } };
    const made = await api.as("ann", "POST /conversations", request);
    expect(made).toEqual({
      status: 201,
      body: {
        conversation: NAME,
        ...request,
        role: "owner",
        seq: 0,
        epoch: expect.stringMatching(/\.0$/),
        at: expect.any(Number),
      },
    });
    const { conversation } = made.body;
    expect(await api.as("ann", `GET /conversations/${conversation}`)).toEqual({ ...made, status: 200 });
    const other = await api.as("ann", "POST /conversations", {});
    expect(other.body).toMatchObject({ conversation: NAME, access: "anyone", role: "owner" });
    expect(other.body.conversation).not.toBe(conversation);
  });

  test("MB5 each user that one adds is a request of the plan; a repeat of the same `id` is free", async () => {
    await using api = await startMemberServer();
    const request = {
      id: "r1",
      access: "members",
      members: [{ user: "bob" }, { user: "cem", role: "moderator" }],
    };
    const made = await api.as("ann", "POST /conversations", request);
    expect(made.status).toBe(201);
    const again = await api.as("ann", "POST /conversations", request);
    expect(again).toEqual({ status: 200, body: { ...made.body, duplicate: true } });
    expect((await api.as("bob", "POST /conversations", request)).body.conversation).not.toBe(
      made.body.conversation,
    );
    expect((await api.as("ann", "GET /me")).body.quota.remaining).toBe(98);
    const { body } = await api.as("bob", `GET /conversations/${made.body.conversation}/members`);
    expect(body).toEqual({
      members: [
        { user: "ann", role: "owner", since: expect.any(Number) },
        { user: "bob", role: "member", since: expect.any(Number) },
        { user: "cem", role: "moderator", since: expect.any(Number) },
      ],
      more: false,
    });
    const many = Array.from({ length: 99 }, (_, i) => ({ user: `u${i}` }));
    const refused = await api.as("ann", "POST /conversations", { members: many });
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited", quota: { remaining: 98 } } });
    const tooMany = [...many, { user: "x" }, { user: "y" }];
    expect(await api.as("ann", "POST /conversations", { members: tooMany })).toMatchObject({
      status: 422,
      body: { code: "invalid" },
    });
    expect((await api.as("ann", "GET /me")).body.quota.remaining).toBe(98);
  });

  test("MB1 a conversation that is made with `members` is for them, unless `access` says otherwise", async () => {
    await using api = await startMemberServer();
    const accessOf = async (user: string, request: object) =>
      (await api.as(user, "POST /conversations", request)).body.access;
    const members = [{ user: "bob" }];
    for (const user of ["ann", "key"]) {
      expect(await accessOf(user, { members })).toBe("members");
      expect(await accessOf(user, { members, access: "anyone" })).toBe("anyone");
      expect(await accessOf(user, { title: "T" })).toBe("anyone");
    }
  });

  test("MB a direct conversation is one for two users, for either of them", async () => {
    await using api = await startMemberServer();
    const made = await api.as("ann", "POST /conversations", { direct: "bob" });
    expect(made).toMatchObject({ status: 201, body: { access: "members", direct: "bob", role: "owner" } });
    const { conversation } = made.body;
    const asked = await api.as("bob", "POST /conversations", { direct: "ann" });
    expect(asked).toMatchObject({ status: 200, body: { conversation, direct: "ann", duplicate: true } });
    expect((await api.as("key", "POST /conversations", { direct: "ann", from: "bob" })).body).toMatchObject({
      conversation,
      direct: "ann",
    });
    expect((await api.as("ann", `PUT /conversations/${conversation}/members/cem`)).status).toBe(409);
    expect((await api.as("ann", `PATCH /conversations/${conversation}`, { access: "anyone" })).status).toBe(
      409,
    );
    expect((await api.as("cem", `GET /conversations/${conversation}`)).status).toBe(403);
    for (const user of ["ann", "bob"])
      expect((await api.as(user, `DELETE /conversations/${conversation}/members/${user}`)).status).toBe(204);
    expect((await api.as("ann", `GET /conversations/${conversation}`)).status).toBe(403);
    expect((await api.as("ann", "POST /conversations", { direct: "bob" })).body).toMatchObject({
      conversation,
      role: "owner",
    });
    for (const body of [{ direct: "ann" }, { direct: "bob", members: [] }, { direct: "bob", from: "cem" }])
      expect(await api.as("ann", "POST /conversations", body)).toMatchObject({
        status: 422,
        body: { code: "invalid" },
      });
    expect((await api.as("key", "POST /conversations", { direct: "ann" })).status).toBe(422);
  });

  test("MB with CONVERSATION_CREATE=operators only operators make conversations", async () => {
    await using api = await startMemberServer({ env: { CONVERSATION_CREATE: "operators" } });
    expect(await api.as("ann", "POST /conversations", {})).toMatchObject({
      status: 403,
      body: { code: "forbidden" },
    });
    expect((await api.as("ann", "POST /conversations", { direct: "bob" })).status).toBe(403);
    const made = await api.as("key", "POST /conversations", { members: [{ user: "ann", role: "owner" }] });
    expect(made).toMatchObject({ status: 201, body: { conversation: NAME } });
    expect(made.body.role).toBeUndefined();
    expect((await api.as("key", "POST /conversations", { direct: "ann", from: "bob" })).status).toBe(201);
    expect((await api.as("ann", "POST /conversations", { direct: "bob" })).status).toBe(200);
  });

  test.each([
    ["title", { title: "x".repeat(201) }],
    ["title", { title: 7 }],
    ["title", { title: "a\nb" }],
    ["data", { data: [] }],
    ["data", { data: { text: "x".repeat(4096) } }],
    ["access", { access: "nobody" }],
    ["members", { members: {} }],
    ["members.0.user", { members: [{ user: "a b" }] }],
    ["members.0.role", { members: [{ user: "bob", role: "king" }] }],
    ["id", { id: "" }],
  ])("MB a wrong `%s` is named, and nothing is made", async (field, body) => {
    await using api = await startMemberServer();
    const { status, body: answer } = await api.as("ann", "POST /conversations", body);
    expect([status, answer.code]).toEqual([422, "invalid"]);
    expect(answer.detail).toStartWith(`\`${field}\`:`);
    expect((await api.as("ann", "GET /me")).body.quota.remaining).toBe(100);
  });
});

/** A token of cem with the given grants. */
function managing(server: TestServer, { grants }: { grants: Grants }): Promise<string> {
  return signToken(server.keys, { subject: "cem", now: Date.now(), grants });
}

test("a field that a request does not have is refused, and the answer names it and those it has", async () => {
  await using api = await startMemberServer();
  const path = `/conversations/${await api.make()}`;
  const requests = [
    [`PATCH ${path}`, { tilte: "x" }, "tilte", "`access`, `title`, `data`"],
    [
      "POST /conversations",
      { titel: "x" },
      "titel",
      "`access`, `title`, `data`, `members`, `direct`, `id`, `from`",
    ],
    ["POST /conversations", { members: [{ user: "bob", rol: "owner" }] }, "members.0.rol", "`user`, `role`"],
    [`PUT ${path}/members/bob`, { roles: "owner" }, "roles", "`role`"],
    [`PUT ${path}/mutes/bob`, { second: 5 }, "second", "`seconds`, `reason`"],
    [`PUT ${path}/bans/bob`, { until: 5 }, "until", "`seconds`, `reason`"],
  ] as const;
  for (const [line, body, field, known] of requests) {
    const detail = `\`${field}\`: this request has no such field; it has ${known}.`;
    expect(await api.as("ann", line, body)).toMatchObject({ status: 422, body: { code: "invalid", detail } });
  }
  for (const what of ["mutes", "bans"])
    expect(await api.as("ann", `PUT ${path}/${what}/bob`, { reason: "a\u202eb" })).toMatchObject({
      ...{
        status: 422,
        body: { detail: "`reason`: must have no characters that change the direction of writing." },
      },
    });
  expect((await api.as("ann", `GET ${path}/members`)).body.members).toHaveLength(1);
  expect((await api.as("ann", `GET ${path}/mutes`)).body.mutes).toEqual([]);
});

describe("PUT, PATCH, GET and DELETE /conversations/{id}", () => {
  test("MB naming a conversation is an operator's privilege; PUT replaces facts and adds members", async () => {
    await using api = await startMemberServer();
    const path = "/conversations/team-1";
    expect(await api.as("ann", `PUT ${path}`, {})).toMatchObject({
      status: 403,
      body: { code: "forbidden" },
    });
    const request = {
      access: "members",
      title: "One",
      data: { n: 1 },
      members: [{ user: "ann", role: "owner" }],
    };
    expect(await api.as("key", `PUT ${path}`, request)).toMatchObject({
      status: 201,
      body: { conversation: "team-1", access: "members", title: "One", data: { n: 1 } },
    });
    expect((await api.as("key", `PUT ${path}`, request)).status).toBe(200);
    const replaced = await api.as("key", `PUT ${path}`, { title: "Two", members: [{ user: "bob" }] });
    expect(replaced.body).toMatchObject({ access: "members", title: "Two" });
    expect(replaced.body.data).toBeUndefined();
    const { body } = await api.as("key", `GET ${path}/members`);
    expect(body.members).toMatchObject([
      { user: "ann", role: "owner" },
      { user: "bob", role: "member" },
    ]);
    const manages = await managing(api.server, {
      grants: { conversations: ["team-*"], rights: ["read", "write", "manage"] },
    });
    expect((await api.send(manages, "PUT /conversations/team-2", {})).status).toBe(201);
    expect((await api.send(manages, `PATCH ${path}`, { title: "Three" })).body.title).toBe("Three");
    expect((await api.send(manages, "PUT /conversations/other", {})).status).toBe(403);
    const implied = await managing(api.server, { grants: { conversations: ["team-*"] } });
    expect((await api.send(implied, "PUT /conversations/team-3", {})).status).toBe(403);
    const everywhere = await managing(api.server, { grants: { rights: ["read", "write", "manage"] } });
    expect((await api.send(everywhere, "PUT /conversations/team-3", {})).status).toBe(403);
  });

  test("MB no name that begins with `_` can be chosen, nor comes to be by talking", async () => {
    await using api = await startMemberServer();
    for (const name of ["_", "_mine", `_${"a".repeat(25)}`]) {
      expect((await api.as("key", `PUT /conversations/${name}`, {})).status).not.toBe(201);
      for (const line of ["POST", "GET"])
        expect(
          await api.as(
            "ann",
            `${line} /conversations/${name}/messages`,
            line === "POST" ? { text: "x" } : undefined,
          ),
        ).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });

  test("MB4 the owner changes the facts; null drops one; a member may not", async () => {
    await using api = await startMemberServer();
    const path = `/conversations/${await api.make([{ user: "bob" }, { user: "mod", role: "moderator" }], { title: "T", data: { a: 1 } })}`;
    for (const user of ["bob", "mod"])
      expect((await api.as(user, `PATCH ${path}`, { title: "x" })).status).toBe(403);
    expect((await api.as("ann", `PATCH ${path}`, { title: "New" })).body).toMatchObject({
      title: "New",
      data: { a: 1 },
    });
    const dropped = (await api.as("ann", `PATCH ${path}`, { title: null, data: null })).body;
    expect([dropped.title, dropped.data, dropped.access]).toEqual([undefined, undefined, "members"]);
    expect((await api.as("bob", `GET ${path}`)).body).toMatchObject({ role: "member", access: "members" });
    expect((await api.as("ann", `PATCH ${path}`, { title: 3 })).status).toBe(422);
  });

  test("MB one that came to be by talking has no owner; an operator changes it", async () => {
    await using api = await startMemberServer();
    const path = "/conversations/lobby";
    expect((await api.as("ann", `GET ${path}`)).status).toBe(404);
    expect((await api.as("key", `PATCH ${path}`, { title: "L" })).status).toBe(404);
    await api.as("ann", `POST ${path}/messages`, { text: "hello" });
    const { body } = await api.as("ann", `GET ${path}`);
    expect(body).toEqual({
      conversation: "lobby",
      access: "anyone",
      role: "member",
      seq: 1,
      epoch: expect.any(String),
      at: expect.any(Number),
    });
    expect((await api.as("ann", `PATCH ${path}`, { title: "mine" })).status).toBe(403);
    expect((await api.as("ann", `DELETE ${path}`)).status).toBe(403);
    expect((await api.as("key", `PATCH ${path}`, { title: "Lobby" })).body).toMatchObject({
      title: "Lobby",
      access: "anyone",
    });
  });

  test("MB6 an owner or operator removes a conversation; its name gets a new epoch", async () => {
    await using api = await startMemberServer();
    const conversation = await api.make([{ user: "bob" }]);
    const path = `/conversations/${conversation}`;
    const { epoch } = (await api.as("ann", `GET ${path}`)).body;
    expect((await api.as("bob", `DELETE ${path}`)).status).toBe(403);
    expect((await api.as("ann", `DELETE ${path}`)).status).toBe(204);
    for (const user of ["ann", "bob", "eve"])
      expect(await api.as(user, `GET ${path}`)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect((await api.as("key", `GET ${path}`)).status).toBe(404);
    expect((await api.as("key", `DELETE ${path}`)).status).toBe(204);
    await api.as("key", "PUT /conversations/team", { title: "T" });
    expect((await api.as("key", "DELETE /conversations/team")).status).toBe(204);
    const again = (await api.as("key", "PUT /conversations/team", {})).body;
    expect(again.epoch).toBe(epoch.replace(/\.0$/, ".1"));
    expect(again.title).toBeUndefined();
  });

  test("MB an API key needs `manage` for all but reading and writing", async () => {
    const key = newApiKey();
    await using other = await startMemberServer({
      env: { API_KEYS: `reader:${hashOfApiKey(key)}:read+write` },
    });
    for (const line of [
      "PUT /conversations/team",
      "POST /conversations",
      "PUT /conversations/lobby/bans/bob",
    ])
      expect(await other.send(key, line, {})).toMatchObject({
        status: 403,
        body: { detail: "This API key does not have the right `manage`." },
      });
    expect((await other.send(key, "GET /conversations/lobby/members")).status).toBe(200);
  });
});
