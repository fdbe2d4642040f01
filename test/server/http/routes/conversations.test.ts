import { describe, expect, test } from "bun:test";
import { hashOfApiKey, newApiKey } from "../../../../src/server/authentication/api-keys.ts";
import { signToken } from "../../../../src/server/authentication/tokens.ts";
import { joinRaw } from "../../../support/clients/join.ts";
import { RawSocket } from "../../../support/clients/raw-socket.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the answers are what is tested
  readonly body: any;
}

async function call(server: TestServer, bearer: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}/conversations/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const post = (server: TestServer, bearer: string, body: unknown, conversation = "lobby") =>
  call(server, bearer, `${conversation}/messages`, body);

describe("POST /conversations/{id}/messages", () => {
  test("H3 D1 D2 a message is stored, numbered, answered like an `ack`, and delivered on sockets", async () => {
    await using server = await startTestServer();
    await using ben = await joinRaw(server, "ben");
    const token = await server.token("anna");
    const data = { priority: 1 };
    const { status, body } = await post(server, token, { text: "hello", id: "m1", data });
    expect([status, body]).toEqual([
      201,
      {
        id: "m1",
        seq: 1,
        at: expect.any(Number),
        quota: { limit: 100, remaining: 99, reset: expect.any(Number) },
      },
    ]);
    expect(await ben.waitForFrame("message")).toMatchObject({
      seq: 1,
      id: "m1",
      from: "anna",
      text: "hello",
      data,
    });
    expect((await post(server, token, { text: "no id" })).body).toMatchObject({
      id: expect.stringMatching(/^[\w-]{36}$/),
      seq: 2,
    });
  });

  test("H3 D3 Q2 the same `id` again is the same message: 200 as a duplicate, and free", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const first = await post(server, token, { text: "hello", id: "m1" });
    for (let k = 0; k < 3; k++) {
      const { status, body } = await post(server, token, { text: "hello", id: "m1" });
      expect(status).toBe(200);
      expect(body).toMatchObject({ id: "m1", seq: 1, at: first.body.at, duplicate: true });
      expect(body.quota.remaining).toBe(99);
    }
    await using socket = await joinRaw(server, "anna");
    socket.sendJson({ type: "message", id: "m1", text: "hello" });
    expect(await socket.waitForFrame("ack")).toMatchObject({ id: "m1", seq: 1, duplicate: true });
    const { body } = await call(server, token, "lobby/messages");
    expect(body.messages).toHaveLength(1);
  });

  test("H3 Q1 Q3 over the quota: 429 with Retry-After and the RateLimit fields; one quota with the socket", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock, env: { PLANS: "free:2:5" } });
    const token = await server.token("anna");
    await using socket = await joinRaw(server, "anna");
    socket.sendJson({ type: "message", text: "one" });
    await socket.waitForFrame("ack");
    clock.advance(1_000);
    const last = await post(server, token, { text: "two" });
    expect(last.status).toBe(201);
    expect(last.headers.get("RateLimit-Policy")).toBe('"free";q=2;w=3600');
    expect(last.headers.get("RateLimit")).toBe('"free";r=0;t=3600');
    const over = await post(server, token, { text: "three", id: "m3" });
    expect(over.status).toBe(429);
    expect(over.headers.get("Retry-After")).toBe("3599");
    expect(over.headers.get("RateLimit")).toBe('"free";r=0;t=3600');
    expect(over.body).toMatchObject({
      code: "rate_limited",
      retry_after: 3599,
      quota: { limit: 2, remaining: 0 },
    });
    clock.advance(3_599_000);
    const later = await post(server, await server.token("anna"), { text: "three", id: "m3" });
    expect(later.body).toMatchObject({ seq: 3 });
  });

  test("B3 messages that a socket refuses are refused here: each with its code, and without a charge", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`);
    const table: readonly (readonly [body: unknown, status: number, code: string])[] = [
      ["", 400, "malformed"],
      ["{", 400, "malformed"],
      ["[]", 400, "malformed"],
      [{}, 422, "invalid"],
      [{ text: "" }, 422, "invalid"],
      [{ text: null, data: {} }, 422, "invalid"],
      [{ text: 7 }, 422, "invalid"],
      [{ text: "x", id: "" }, 422, "invalid"],
      [{ text: "x", data: [] }, 422, "invalid"],
      [{ text: "x", data: deep }, 413, "too_large"],
      ['{"text":"x","data":{"__proto__":1}}', 422, "invalid"],
      ['{"text":"\\ud800"}', 422, "invalid"],
      [{ text: "x".repeat(70_000) }, 413, "too_large"],
      [{ text: "x", from: "ben" }, 403, "forbidden"],
      [{ text: "x", type: "history" }, 422, "invalid"],
      [{ text: "x", conversation: "other" }, 422, "invalid"],
    ];
    for (const [body, status, code] of table) {
      const answer = await post(server, token, body);
      expect([body, answer.status, answer.body.code]).toEqual([body, status, code]);
    }
    // A whole frame may be the body, where it says the same as the address.
    const frame = { type: "message", conversation: "lobby", text: "x".repeat(30_000) };
    const { status, body } = await post(server, token, frame);
    expect([status, body.quota.remaining]).toEqual([201, 99]);
    for (const conversation of ["a%20b", "a".repeat(129)])
      expect((await post(server, token, { text: "x" }, conversation)).body.code).toBe("bad_address");
  });

  test("a body with a field that the request does not have is refused, and the answer names the field", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const { status, body } = await post(server, token, { text: "x", parent: 3 });
    expect([status, body.code, body.detail]).toEqual([
      422,
      "invalid",
      "`parent`: this request has no such field; it has `text`, `id`, `data`, `reply_to`, `epoch`, `from`.",
    ]);
    expect((await call(server, token, "lobby/messages")).body.messages).toEqual([]);
  });

  test("H3 a message of data alone is stored with an empty text, and is the same on a socket and over HTTP", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    await using ben = await TestClient.connect(
      `${server.wsUrl}/ws/ben/lobby?token=${await server.token("ben")}`,
    );
    const answer = await post(server, token, { id: "m1", data: { kind: "wave" } });
    expect(answer.body).toEqual({ id: "m1", seq: 1, at: expect.any(Number), quota: expect.any(Object) });
    ben.send({ type: "message", id: "m2", data: { kind: "nod" } });
    await ben.next("ack");
    const at = expect.any(Number);
    const messages = [
      { seq: 1, id: "m1", from: "anna", text: "", data: { kind: "wave" }, at },
      { seq: 2, id: "m2", from: "ben", text: "", data: { kind: "nod" }, at },
    ];
    expect(ben.of("message")).toEqual(messages.map((message) => ({ type: "message", ...message })));
    expect((await call(server, token, "lobby/messages")).body.messages).toEqual(messages);
  });

  test("A6 A1 a token without the right to write, or to write here, gets the missing right", async () => {
    await using server = await startTestServer();
    const sign = (grants: object) => signToken(server.keys, { subject: "anna", grants, now: Date.now() });
    const [reader, writer, team] = [
      await sign({ rights: ["read"] }),
      await sign({ rights: ["write"] }),
      await sign({ conversations: ["team-*"] }),
    ];
    expect((await post(server, reader, { text: "x" })).body.detail).toContain("`write`");
    expect((await post(server, writer, { text: "x" })).status).toBe(201);
    expect((await call(server, writer, "lobby/messages")).body.detail).toContain("`read`");
    expect((await call(server, writer, "lobby/presence")).status).toBe(403);
    expect((await call(server, reader, "lobby/messages")).status).toBe(200);
    expect((await post(server, team, { text: "x" })).body.detail).toContain("`lobby`");
    expect((await post(server, team, { text: "x" }, "team-7")).status).toBe(201);
    expect((await post(server, "x", { text: "x" })).status).toBe(401);
  });

  test("SEC-P2 SEC-T7 refusals are logged, without text and token", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    await post(server, token, { text: "s3cret words", id: "" });
    await post(server, token, { text: "s3cret words", from: "ben" });
    await post(server, token, { text: "s3cret words" });
    expect(server.log.events()).toContain("request.invalid");
    expect(server.log.events()).toContain("request.refused");
    for (const secret of [token, "s3cret"]) expect(JSON.stringify(server.log.entries)).not.toContain(secret);
  });
});

describe("GET /conversations/{id}/messages", () => {
  test("H3 D1 Q3 it returns the same as `history`, in both directions, and costs the same", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    for (let k = 1; k <= 5; k++) await post(server, token, { text: `${k}` });
    const read = async (query: string) => {
      const { body } = await call(server, token, `lobby/messages${query}`);
      return [body.messages.map(({ seq }: { seq: number }) => seq), body.more];
    };
    expect(await read("")).toEqual([[1, 2, 3, 4, 5], false]);
    expect(await read("?limit=2")).toEqual([[4, 5], true]);
    expect(await read("?before=4&limit=2")).toEqual([[2, 3], true]);
    expect(await read("?after=2&limit=2")).toEqual([[3, 4], true]);
    const { status, headers, body } = await call(server, token, "lobby/messages?after=5");
    expect([status, body.messages, body.quota.remaining]).toEqual([200, [], 90]);
    expect(headers.get("RateLimit")).toStartWith('"free";r=90;t=');
    expect(headers.get("Cache-Control")).toBe("no-store");
  });

  test.each([
    "?limit=0",
    "?limit=201",
    "?limit=x",
    "?limit=1.5",
    "?before=-1",
    "?after=1e3",
    "?before=1&after=1",
    "?limit=1&limit=2",
    "?after=9999999999999999",
  ])("B3 %s is refused and not charged", async (query) => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const { status, body } = await call(server, token, `lobby/messages${query}`);
    expect([status, body.code]).toEqual([422, "invalid"]);
    const me = await fetch(`${server.url}/me`, { headers: { Authorization: `Bearer ${token}` } });
    expect(((await me.json()) as Answer["body"]).quota.remaining).toBe(100);
  });
});

describe("GET /conversations/{id}/presence", () => {
  test("P1 it returns each present user once, and costs nothing", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    expect((await call(server, token, "lobby/presence")).body).toEqual({
      present: [],
      present_count: 0,
      more: false,
    });
    await using _first = await joinRaw(server, "ben");
    await using _second = await joinRaw(server, "ben");
    await using _third = await joinRaw(server, "cleo");
    const { status, body } = await call(server, token, "lobby/presence");
    expect(status).toBe(200);
    expect(body).toEqual({
      present: [
        { user: "ben", since: expect.any(Number) },
        { user: "cleo", since: expect.any(Number) },
      ],
      present_count: 2,
      more: false,
    });
    expect((await post(server, token, { text: "x" })).body.quota.remaining).toBe(99);
  });
});

describe("API_KEYS", () => {
  async function withKeys(rights: Record<string, string>) {
    const keys = new Map(Object.keys(rights).map((name) => [name, newApiKey()]));
    const entries = [...keys].map(([name, key]) => `${name}:${hashOfApiKey(key)}:${rights[name]}`);
    const server = await startTestServer({ env: { API_KEYS: entries.join(","), PLANS: "free:1:5" } });
    return { server, key: (name: string) => keys.get(name)! };
  }

  test("Q1 a key posts in its own or a given name, and no user is charged", async () => {
    const { server, key } = await withKeys({ "billing:eu": "read+write" });
    await using _ = server;
    await using anna = await joinRaw(server, "anna");
    const own = await post(server, key("billing:eu"), { text: "paid" });
    expect([own.status, own.body.quota]).toEqual([201, null]);
    expect(own.headers.get("RateLimit")).toBeNull();
    for (let k = 0; k < 3; k++)
      expect((await post(server, key("billing:eu"), { text: "hi", from: "anna" })).status).toBe(201);
    expect(await anna.waitForFrame("message")).toMatchObject({ seq: 1, from: "billing:eu" });
    anna.sendJson({ type: "message", text: "my only one" });
    expect(await anna.waitForFrame("ack")).toMatchObject({ seq: 5, quota: { limit: 1, remaining: 0 } });
    expect((await post(server, key("billing:eu"), { text: "x", from: "a b" })).body.code).toBe("invalid");
  });

  test("D3 a key's message is stored once under its `id`, for each name it posts in", async () => {
    const { server, key } = await withKeys({ bot: "write" });
    await using _ = server;
    const send = (from?: string) => post(server, key("bot"), { text: "x", id: "m1", ...(from && { from }) });
    expect([(await send()).body.seq, (await send("other")).body.seq]).toEqual([1, 2]);
    expect((await send()).body).toMatchObject({ seq: 1, duplicate: true });
  });

  test("A1 a key has the rights of its entry, on the HTTP verbs and nowhere else", async () => {
    const { server, key } = await withKeys({ reader: "read", writer: "write" });
    await using _ = server;
    expect((await post(server, key("reader"), { text: "x" })).body.detail).toContain("`write`");
    expect((await call(server, key("reader"), "lobby/messages")).status).toBe(200);
    expect((await call(server, key("reader"), "lobby/presence")).status).toBe(200);
    expect((await post(server, key("writer"), { text: "x" })).status).toBe(201);
    expect((await call(server, key("writer"), "lobby/messages")).status).toBe(403);
    const headers = { Authorization: `Bearer ${key("reader")}` };
    expect((await fetch(`${server.url}/me`, { headers })).status).toBe(401);
    expect((await fetch(`${server.url}/ticket`, { method: "POST", headers })).status).toBe(401);
    await using raw = await RawSocket.handshake(server.port, `/ws/reader/lobby?token=${key("reader")}`);
    expect((await raw.waitForClose()).code).toBe(4401);
  });

  test("A4 SEC-T7 an invalid key is refused, and the log contains only names of keys", async () => {
    const { server, key } = await withKeys({ bot: "read" });
    await using _ = server;
    for (const wrong of [newApiKey(), "pk_", `${key("bot")}x`, key("bot").slice(0, -1)])
      expect((await call(server, wrong, "lobby/messages")).status).toBe(401);
    await post(server, key("bot"), { text: "x" });
    const written = JSON.stringify(server.log.entries);
    expect(written).toContain('"key":"bot"');
    expect(written).not.toContain("pk_");
  });
});
