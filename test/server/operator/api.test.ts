// The operator's API on a real server, on each store; every answer is checked by the schema of its verb (operator-api.ts).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { OPERATOR_VERBS } from "../../../src/server/http/routes/operator/schemas.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type Answer, KEYS, requestsAs, SETTINGS } from "./operator-api.ts";

const PASSWORD = "correct horse 1";

for (const engine of ["embedded", "redis"] as const) {
  describe(`the operator's API, ${engine}`, () => {
    let redis: TestRedis | undefined;
    let server: TestServer;
    let ops: (line: string, body?: unknown) => Promise<Answer>;

    beforeAll(async () => {
      if (engine === "redis") redis = await startRedis();
      const url: Record<string, string> = redis === undefined ? {} : { REDIS_URL: redis.url };
      server = await startTestServer({ env: { ...SETTINGS, ...url } });
      ops = requestsAs(server, KEYS.ops);
    });
    afterAll(async () => {
      await server.stop();
      await redis?.[Symbol.asyncDispose]();
    });

    const signIn = async (username: string, password: string) => {
      const response = await fetch(`${server.url}/token`, {
        method: "POST",
        body: new URLSearchParams({ username, password }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      return { status: response.status, token: token ?? "" };
    };
    const open = (user: string, token: string) =>
      TestClient.connect(`${server.wsUrl}/ws/${user}/lobby?token=${token}`);
    const me = async (token: string) =>
      (await fetch(`${server.url}/me`, { headers: { Authorization: `Bearer ${token}` } })).status;
    const eventsOf = (name: string) =>
      server.log.entries.filter(({ event }) => event === name).map(({ fields }) => fields);

    test("OA2 no address of the operator is for a user, for a key without the right, or for one of some conversations", async () => {
      const limited = await ops("POST /api-keys", {
        name: "limited",
        rights: ["manage"],
        conversations: ["team-*"],
      });
      const bearers = [
        ["", 401, "unauthorized"],
        ["pk_unknown", 401, "unauthorized"],
        [await server.token("anna"), 403, "forbidden"],
        [KEYS.reader, 403, "forbidden"],
        [limited.body.key, 403, "forbidden"],
      ] as const;
      const lines = Object.keys(OPERATOR_VERBS).filter((line) => !line.includes(" /conversations"));
      expect(lines.length).toBeGreaterThan(20);
      for (const [bearer, status, code] of bearers)
        for (const line of lines)
          expect(await requestsAs(server, bearer)(line.replace(/:\w+/, "x"))).toMatchObject({
            status,
            body: { code },
          });
      expect((await ops("DELETE /api-keys/limited")).status).toBe(204);
    });

    test("OA2 pages of other origins, long bodies, unknown fields and methods are refused as elsewhere", async () => {
      const foreign = await fetch(`${server.url}/users`, {
        headers: { Authorization: `Bearer ${KEYS.ops}`, Origin: "https://evil.example" },
      });
      expect([foreign.status, ((await foreign.json()) as { code: string }).code]).toEqual([
        403,
        "origin_refused",
      ]);
      const refusals = [
        ["POST /api-keys", `{"name":"${"x".repeat(17_000)}"}`, 413, "longer than 16384"],
        ["POST /api-keys", { name: "x", rights: ["read"], right: 1 }, 422, "`right`"],
        ["POST /api-keys", { name: "x", rights: [] }, 422, "`rights`"],
        ["POST /api-keys", { name: "x", rights: ["read", "read"] }, 422, "`rights`"],
        ["POST /api-keys", { name: "x", rights: ["own"] }, 422, "`rights.0`"],
        ["POST /api-keys", { name: "a b", rights: ["read"] }, 422, "`name`"],
        ["POST /api-keys", { name: "x", rights: ["read"], conversations: [] }, 422, "`conversations`"],
        ["POST /api-keys", { name: "x", rights: ["read"], conversations: ["a*b"] }, 422, "`conversations.0`"],
        ["POST /api-keys", "no json", 400, "JSON"],
        ["DELETE /api-keys/a%20b", undefined, 400, "name in the address"],
        ["PATCH /users", {}, 405, "GET"],
        ["GET /users?plna=free", undefined, 422, "`plna`"],
        ["GET /users?limit=0", undefined, 422, "`limit`"],
        ["GET /users?limit=1&limit=2", undefined, 422, "`limit`"],
        ["GET /users?disabled=yes", undefined, 422, "`disabled`"],
        ["GET /users?cursor=%20", undefined, 422, "`cursor`"],
        ["GET /users/a%20b", undefined, 400, "user in the address"],
        ["GET /users/nobody", undefined, 404, "no account"],
        ["PATCH /users/nobody", { plan: "free" }, 404, "no account"],
        ["PUT /users/x", { plan: "gold" }, 422, "free, basic"],
        ["PUT /users/x", { password: "short" }, 422, "`password`"],
        ["PUT /users/x", { password: null }, 422, "`password`"],
        ["POST /revocations", {}, 422, "one of"],
        ["POST /revocations", { user: "a", token_id: "b" }, 422, "one of"],
        ["POST /revocations", { token: "x" }, 422, "`token`"],
        ["POST /users/x/sign-out", { x: 1 }, 422, "`x`: this request has no such field; it has none"],
        ["POST /users/x/erase", { x: 1 }, 422, "`x`"],
        ["POST /users/x/erase", "{{{", 400, "JSON"],
        ["POST /webhooks/x/resume", { x: 1 }, 422, "`x`"],
        ["POST /webhooks/x/pause", "{{{", 400, "JSON"],
        ["PUT /conversations/nowhere/retention", { days: 1 }, 404, "no such conversation"],
        ["PUT /conversations/nowhere/retention", { days: -1 }, 422, "`days`"],
      ] as const;
      for (const [line, body, status, words] of refusals) {
        const answer = await ops(line, body);
        expect([line, answer.status]).toEqual([line, status]);
        expect(answer.body.detail).toContain(words);
      }
      expect((await ops("GET /users/x")).status).toBe(404);
    });

    test("OA5 an account is made, changed and removed, and that holds at once for what its user has open", async () => {
      const made = await ops("PUT /users/cleo", { plan: "basic", password: PASSWORD });
      expect(made).toMatchObject({
        status: 201,
        body: { user: "cleo", plan: "basic", disabled: false, demo: false, password: true },
      });
      const { token } = await signIn("cleo", PASSWORD);
      // Repeated, it changes nothing: the token stays valid.
      const repeated = await ops("PUT /users/cleo", { plan: "basic", password: PASSWORD });
      expect(repeated).toEqual({ status: 200, body: made.body });
      await using cleo = await open("cleo", token);
      expect((await ops("GET /users/cleo")).body).toMatchObject({ connections: 1, quota: { limit: 1000 } });
      expect((await ops("PATCH /users/cleo", { plan: "free" })).body.plan).toBe("free");
      expect((await ops("GET /users/cleo")).body.quota.limit).toBe(100);

      expect((await ops("PATCH /users/cleo", { password: "another horse 2" })).status).toBe(200);
      expect(await cleo.next("closing")).toMatchObject({ code: 4401 });
      expect(await me(token)).toBe(401);
      expect((await signIn("cleo", PASSWORD)).status).toBe(401);
      const second = await signIn("cleo", "another horse 2");
      await using again = await open("cleo", second.token);
      expect((await ops("PATCH /users/cleo", { disabled: true })).body.disabled).toBe(true);
      expect(await again.next("closing")).toMatchObject({ code: 4403 });
      await ops("PUT /users/cleo", {});
      expect((await ops("PATCH /users/cleo", { password: null })).body).toMatchObject({
        plan: "free",
        disabled: false,
        password: false,
      });
      expect((await signIn("cleo", "another horse 2")).status).toBe(401);

      await ops("PUT /conversations/team", { access: "members", members: [{ user: "cleo", role: "owner" }] });
      for (let times = 0; times < 2; times++) expect((await ops("DELETE /users/cleo")).status).toBe(204);
      expect((await ops("GET /users/cleo")).status).toBe(404);
      expect((await ops("GET /conversations/team/members")).body.members).toEqual([]);
      const about = (name: string) => eventsOf(name).filter(({ user }) => user === "cleo");
      expect(about("operator.user_created")).toMatchObject([{ key: "ops", plan: "basic", disabled: false }]);
      expect(about("operator.user_changed").map(({ key, changed }) => [key, changed])).toEqual([
        ["ops", ["plan"]],
        ["ops", ["password"]],
        ["ops", ["disabled"]],
        ["ops", ["disabled"]],
        ["ops", ["password"]],
      ]);
      expect(about("operator.user_removed")).toMatchObject([{ key: "ops" }]);
    });

    test("OA4 accounts are listed by name in pages, by plan and by whether they are disabled", async () => {
      await ops("DELETE /users/user2");
      for (const [user, plan, disabled] of [
        ["zb", "basic", false],
        ["za", "basic", true],
        ["zc", "basic", false],
      ] as const)
        expect((await ops(`PUT /users/${user}`, { plan, disabled })).status).toBe(201);
      const first = await ops("GET /users?plan=basic&limit=2");
      expect(first.body.users.map(({ user }: { user: string }) => user)).toEqual(["za", "zb"]);
      const rest = await ops(`GET /users?plan=basic&limit=2&cursor=${first.body.cursor}`);
      expect(rest.body).toMatchObject({ users: [{ user: "zc" }], more: false });
      expect(rest.body.cursor).toBeUndefined();
      const active = await ops("GET /users?plan=basic&disabled=false");
      expect(active.body.users.map(({ user }: { user: string }) => user)).toEqual(["zb", "zc"]);
    });

    test("OA6 a user is signed out, a token is revoked by itself or by its id, and all of that is listed", async () => {
      const tokens: string[] = [];
      for (let i = 0; i < 4; i++) tokens.push(await server.token("dora"));
      const jti = (token: string): string => JSON.parse(atob(token.split(".")[1]!)).jti;
      await using dora = await open("dora", tokens[0]!);
      expect(await ops("POST /revocations", { token: tokens[0] })).toMatchObject({
        status: 201,
        body: { token_id: jti(tokens[0]!) },
      });
      expect(await dora.next("closing")).toMatchObject({ code: 4401 });
      expect(await ops("POST /revocations", { token_id: jti(tokens[1]!) })).toMatchObject({ status: 201 });
      await using other = await open("dora", tokens[2]!);
      // Tokens of the same millisecond are not older than the revocation.
      await waitUntil("the next millisecond", async () => {
        expect((await ops("POST /users/dora/sign-out")).status).toBe(204);
        return (await me(tokens[3]!)) === 401;
      });
      expect(await other.next("closing")).toMatchObject({ code: 4401 });
      const { body } = await ops("POST /revocations", { user: "dora" });
      const listed = [];
      for (let cursor = ""; ; ) {
        const page = await ops(`GET /revocations?limit=2${cursor}`);
        listed.push(...page.body.revocations);
        if (!page.body.more) break;
        cursor = `&cursor=${page.body.cursor}`;
      }
      expect(listed).toContainEqual({ token_id: jti(tokens[0]!) });
      expect(listed).toContainEqual({ token_id: jti(tokens[1]!) });
      expect(listed).toContainEqual(body);
      expect(listed.filter(({ user }) => user === "dora")).toHaveLength(1);
      expect(eventsOf("operator.token_revoked").map(({ token_id }) => token_id)).toEqual([
        jti(tokens[0]!),
        jti(tokens[1]!),
      ]);
      expect(eventsOf("operator.user_signed_out")[0]).toMatchObject({ key: "ops", user: "dora" });
    });

    test("OA1 OA3 SEC-T8 a key is shown once, works at once, gives no more than its maker has, and is refused once it is revoked", async () => {
      const made = await ops("POST /api-keys", { name: "crm", rights: ["read", "manage"] });
      expect(made).toMatchObject({
        status: 201,
        body: { name: "crm", rights: ["read", "manage"], by: "ops" },
      });
      const { key, ...facts } = made.body;
      const crm = requestsAs(server, key);
      expect((await crm("GET /users")).status).toBe(200);
      expect((await crm("POST /conversations/lobby/messages", { text: "no" })).status).toBe(403);
      expect((await ops("POST /api-keys", { name: "crm", rights: ["read"] })).body.code).toBe("conflict");
      expect((await ops("POST /api-keys", { name: "reader", rights: ["read"] })).body.code).toBe("conflict");
      expect(await crm("POST /api-keys", { name: "writer", rights: ["read", "write"] })).toMatchObject({
        status: 403,
        body: { code: "forbidden", detail: expect.stringContaining("`write`") },
      });
      expect(
        (await requestsAs(server, KEYS.manager)("POST /api-keys", { name: "w", rights: ["read"] })).status,
      ).toBe(403);

      const list = await ops("GET /api-keys");
      expect(list.body.api_keys).toEqual([
        facts,
        { name: "manager", rights: ["manage"], setting: true },
        { name: "ops", rights: ["read", "write", "manage"], setting: true },
        { name: "reader", rights: ["read"], setting: true },
      ]);
      const first = await ops("GET /api-keys?limit=3");
      const rest = await ops(`GET /api-keys?limit=3&cursor=${first.body.cursor}`);
      expect([...first.body.api_keys, ...rest.body.api_keys]).toEqual(list.body.api_keys);

      for (let times = 0; times < 2; times++) expect((await ops("DELETE /api-keys/crm")).status).toBe(204);
      expect(await crm("GET /users")).toMatchObject({ status: 401, body: { code: "unauthorized" } });
      expect((await ops("DELETE /api-keys/reader")).body.code).toBe("conflict");
      expect(eventsOf("operator.api_key_created").at(-1)).toMatchObject({
        ...{ key: "ops", api_key: "crm", rights: ["read", "manage"] },
      });
      expect(eventsOf("operator.api_key_revoked").at(-1)).toMatchObject({ key: "ops", api_key: "crm" });
      const log = JSON.stringify(server.log.entries);
      for (const secret of [key, PASSWORD, ...Object.values(KEYS)]) expect(log).not.toContain(secret);
    });

    test("OA2 a key of some conversations reads, writes and manages those, and no others", async () => {
      const { key } = (
        await ops("POST /api-keys", {
          name: "team-bot",
          rights: ["read", "write", "manage"],
          conversations: ["bots-*", "hall"],
        })
      ).body;
      const bot = requestsAs(server, key);
      for (const conversation of ["bots-1", "hall"]) {
        expect((await bot(`PUT /conversations/${conversation}`, { title: "Bots" })).status).toBe(201);
        expect((await bot(`POST /conversations/${conversation}/messages`, { text: "a" })).status).toBe(201);
        expect((await bot(`GET /conversations/${conversation}/members`)).status).toBe(200);
        expect((await bot(`PUT /conversations/${conversation}/mutes/eve`, {})).status).toBe(200);
        expect((await bot(`PUT /conversations/${conversation}/retention`, { days: 3 })).status).toBe(200);
      }
      await ops("PUT /conversations/other", { title: "Other" });
      for (const [line, body] of [
        ["PUT /conversations/other", { title: "Mine" }],
        ["GET /conversations/other"],
        ["GET /conversations/bots"],
        ["POST /conversations/hall2/messages", { text: "a" }],
        ["DELETE /conversations/other"],
        ["PUT /conversations/other/retention", { days: 3 }],
        ["POST /conversations", { title: "A name of the server's" }],
      ] as const)
        expect(await bot(line, body)).toMatchObject({ status: 403, body: { code: "forbidden" } });
      const batch = await bot("POST /messages", [
        { conversation: "bots-1", text: "b" },
        { conversation: "other", text: "b" },
      ]);
      expect(batch.body.results).toMatchObject([{ seq: 2 }, { code: "forbidden" }]);
      for (const conversation of ["bots-1", "other"])
        await ops(`PUT /conversations/${conversation}/members/gil`, {});
      const inbox = (await bot("GET /inbox?user=gil")).body.items as { conversation: string }[];
      expect(inbox.map(({ conversation }) => conversation)).toEqual(["bots-1"]);
      const names = async (send: typeof ops) => {
        const found: string[] = [];
        for (let cursor = ""; ; ) {
          const { body } = await send(`GET /conversations?limit=2${cursor}`);
          found.push(...body.conversations.map(({ conversation }: { conversation: string }) => conversation));
          if (!body.more) return found.sort();
          cursor = `&cursor=${body.cursor}`;
        }
      };
      expect(await names(bot)).toEqual(["bots-1", "hall"]);
      expect(await names(ops)).toEqual(expect.arrayContaining(["bots-1", "hall", "other", "team"]));
      const facts = (await bot("GET /conversations")).body.conversations;
      expect(facts).toContainEqual((await bot("GET /conversations/hall")).body);
      expect((await requestsAs(server, KEYS.manager)("GET /conversations")).status).toBe(403);
      expect((await requestsAs(server, await server.token("anna"))("GET /conversations")).status).toBe(403);
    });

    test("OA7 a conversation keeps its messages as a key says, or as in the settings", async () => {
      for (const text of ["1", "2", "3"]) await ops("POST /conversations/kept/messages", { text });
      expect(await ops("GET /conversations/kept/retention")).toEqual({ status: 200, body: {} });
      expect((await ops("PUT /conversations/kept/retention", { messages: 2, days: 0 })).body).toEqual({
        ...{ messages: 2, days: 0 },
      });
      expect((await ops("GET /conversations/kept/retention")).body).toEqual({ messages: 2, days: 0 });
      expect((await ops("PUT /conversations/kept/retention", { days: 5 })).body).toEqual({ days: 5 });
      for (let times = 0; times < 2; times++)
        expect((await ops("DELETE /conversations/kept/retention")).status).toBe(204);
      expect((await ops("GET /conversations/kept/retention")).body).toEqual({});
      const anna = requestsAs(server, await server.token("anna"));
      expect((await anna("PUT /conversations/kept/retention", { days: 5 })).status).toBe(403);
      expect((await requestsAs(server, KEYS.reader)("GET /conversations/kept/retention")).status).toBe(403);
      expect(
        eventsOf("operator.retention_changed").filter(({ conversation }) => conversation === "kept"),
      ).toEqual([
        expect.objectContaining({ key: "ops", keep_messages: 2, keep_days: 0 }),
        expect.objectContaining({ key: "ops", keep_days: 5 }),
        expect.not.objectContaining({ keep_days: expect.anything() }),
        expect.anything(),
      ]);
    });

    test("OA8 nodes and statistics count what there is", async () => {
      await using _socket = await open("fay", await server.token("fay"));
      await ops("POST /conversations/lobby/messages", { text: "counted" });
      const statistics = (await ops("GET /statistics")).body;
      expect(statistics).toMatchObject({
        server: {
          version: "0.0.0",
          connections: 1,
          open_conversations: 1,
          messages: { stored: expect.any(Number) },
        },
        cluster: { nodes: 1 },
        store: { engine },
      });
      expect(statistics.store.accounts).toBeGreaterThan(0);
      expect(statistics.store.bytes).toBeGreaterThan(0);
      if (engine === "embedded") expect(statistics.store.messages).toBeGreaterThan(0);
      await waitUntil("the node has announced its address", async () => {
        const { nodes } = (await ops("GET /nodes")).body;
        expect(nodes).toHaveLength(1);
        expect("node" in nodes[0]).toBe(engine === "redis");
        return nodes[0].url === server.url;
      });
    });
  });
}
