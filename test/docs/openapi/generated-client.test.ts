// A client that a generator makes of docs/openapi.json passes the HTTP rules of the conformance (H1–H3), and uses every verb; each
// answer of the server is what the document says.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "openapi-typescript-codegen";
import { KEYS, SETTINGS } from "../../server/operator/operator-api.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { AnswerCheck } from "./answer-check.ts";

const FILE = join(import.meta.dir, "../../../docs/openapi.json");
const PASSWORD = "correct horse 1";

/** What the generated client answers depends on the verb. */
// biome-ignore lint/suspicious/noExplicitAny: the types of the client are made when the test runs
type Body = any;
type Client = Record<string, (options?: object) => Promise<Body>>;

interface Generated {
  readonly OpenAPI: { BASE: string; TOKEN: string; HEADERS: Record<string, string> };
  readonly [service: string]: unknown;
}

const folder = mkdtempSync(join(tmpdir(), "parley-client-"));
const realFetch = globalThis.fetch;
let server: TestServer;
let api: Client;
let check: AnswerCheck;
let settings: Generated["OpenAPI"];

beforeAll(async () => {
  const [started] = await Promise.all([
    startTestServer({ env: SETTINGS }),
    generate({ input: FILE, output: folder, httpClient: "fetch", useOptions: true, exportSchemas: false }),
  ]);
  server = started;
  const generated = (await import(join(folder, "index.ts"))) as Generated;
  settings = generated.OpenAPI;
  settings.BASE = server.url;
  const services = Object.entries(generated).filter(([name]) => name.endsWith("Service"));
  api = Object.fromEntries(
    services.flatMap(([, service]) =>
      Object.getOwnPropertyNames(service)
        .filter((name) => !["length", "name", "prototype"].includes(name))
        .map((name) => [name, (options?: object) => (service as Client)[name]!(options)]),
    ),
  );
  check = new AnswerCheck(await Bun.file(FILE).json());
  globalThis.fetch = check.around(realFetch);
});
afterAll(async () => {
  globalThis.fetch = realFetch;
  await server.stop();
  rmSync(folder, { recursive: true });
});

function as(bearer: string): void {
  settings.TOKEN = bearer;
}

/** The status and the body of a refusal. */
async function refusal(request: Promise<unknown>): Promise<{ status: number; body: Body }> {
  const { status, body } = await request.then(
    () => expect.unreachable("The request was not refused."),
    (error: { status: number; body: Body }) => error,
  );
  return { status, body };
}

test("H1 H2 a generated client signs in, and reads what a refusal is", async () => {
  as(KEYS.ops);
  await api.putUser!({ user: "ann", requestBody: { plan: "basic", password: PASSWORD } });
  as("");
  expect(await refusal(api.signIn!({ formData: { username: "ann", password: "wrong" } }))).toMatchObject({
    status: 401,
    body: { error: "invalid_grant", code: "unauthorized" },
  });
  expect(await refusal(api.signIn!({ formData: {} }))).toMatchObject({ status: 422 });
  expect(await refusal(api.readMe!())).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  const granted = await api.signIn!({
    formData: { username: "ann", password: PASSWORD, scope: "offline_access" },
  });
  as(granted.access_token);
  expect(await api.readMe!()).toMatchObject({ user: "ann", plan: "basic", quota: { remaining: 1000 } });
  expect(await api.makeTicket!({ formData: { conversation: "lobby" } })).toMatchObject({ expires_in: 30 });
  settings.HEADERS = { Origin: server.url, "Sec-Fetch-Site": "same-origin" };
  await api.signInOnConsole!({ requestBody: { username: "ann", password: PASSWORD } });
  await api.signOutOnConsole!({ requestBody: { username: "ann" } });
  settings.HEADERS = {};
  await api.signOut!({ formData: { refresh_token: granted.refresh_token } });
  expect(await refusal(api.readMe!())).toMatchObject({ status: 401, body: { code: "token_revoked" } });
  expect(await api.checkHealth!()).toEqual({ status: "ok" });
  expect(await api.checkReadiness!()).toEqual({ status: "ready" });
});

test("H3 a generated client posts a message that is stored once, charged, delivered and readable like any other", async () => {
  const bob = await TestClient.connect(`${server.wsUrl}/ws/bob/lobby?token=${await server.token("bob")}`);
  as(await server.token("ann", { plan: "basic" }));
  const message = { id: "m1", text: "hello", data: { n: 1 } };
  const posted = await api.postMessage!({ conversationId: "lobby", requestBody: message });
  expect(posted).toMatchObject({ id: "m1", seq: 1 });
  expect(await bob.next("message")).toMatchObject({ from: "ann", ...message });
  expect(await api.postMessage!({ conversationId: "lobby", requestBody: message })).toMatchObject({
    ...{ id: "m1", seq: 1, at: posted.at, duplicate: true },
    quota: { remaining: posted.quota.remaining },
  });
  const history = await api.listMessages!({ conversationId: "lobby", after: 0, limit: 5 });
  expect(history).toMatchObject({ messages: [{ seq: 1, from: "ann", ...message }], more: false });
  expect(await api.listPresent!({ conversationId: "lobby" })).toMatchObject({ present: [{ user: "bob" }] });
  await bob[Symbol.asyncDispose]();
});

test("a generated client uses every verb about messages and members", async () => {
  as(await server.token("ann", { plan: "basic" }));
  const made = await api.createConversation!({ requestBody: { title: "Team", access: "members" } });
  const { conversation: conversationId } = made;
  const post = (id: string) => api.postMessage!({ conversationId, requestBody: { id, text: id } });
  const { seq } = await post("m1");
  expect(await api.readMessage!({ conversationId, seq })).toMatchObject({ id: "m1" });
  expect(await api.editMessage!({ conversationId, seq, requestBody: { text: "better" } })).toMatchObject({
    rev: 1,
  });
  await api.addReaction!({ conversationId, seq, reaction: "👍" });
  await api.removeReaction!({ conversationId, seq, reaction: "👍" });
  const batch = [
    { conversation: conversationId, text: "one" },
    { conversation: "..", text: "two" },
  ];
  expect(await api.postMessages!({ requestBody: batch })).toMatchObject({
    results: [{ seq: seq + 1 }, { code: "invalid" }],
  });
  expect(await api.markAsRead!({ conversationId, requestBody: { seq } })).toMatchObject({ unread: 0 });
  await api.eraseMessage!({ conversationId, seq, reason: "wrong" });
  expect(await refusal(api.editMessage!({ conversationId, seq, requestBody: { text: "x" } }))).toMatchObject({
    status: 410,
    body: { code: "erased" },
  });
  expect(await api.readInbox!({ limit: 5 })).toMatchObject({ items: [{}, {}] });
  await api.putMember!({ conversationId, user: "bob", requestBody: { role: "moderator" } });
  expect((await api.listMembers!({ conversationId })).members).toHaveLength(2);
  await api.putMute!({ conversationId, user: "bob", requestBody: { seconds: 60, reason: "loud" } });
  expect((await api.listMutes!({ conversationId })).mutes).toHaveLength(1);
  await api.removeMute!({ conversationId, user: "bob" });
  await api.putBan!({ conversationId, user: "carl", requestBody: {} });
  expect((await api.listBans!({ conversationId })).bans).toHaveLength(1);
  await api.removeBan!({ conversationId, user: "carl" });
  await api.removeMember!({ conversationId, user: "bob" });

  const start = (id: string) => api.startStream!({ conversationId, requestBody: { id, reply_to: seq + 1 } });
  const { stream, generation } = await start("s1");
  const write = (fields: object) =>
    api.writeStream!({ conversationId, stream, requestBody: { generation, appends: [], ...fields } });
  expect(await write({ appends: [{ n: 1, text: "growing" }] })).toMatchObject({ n: 1 });
  await api.cancelStream!({ conversationId, stream });
  expect(await write({ end: { state: "done" } })).toMatchObject({ seq: seq + 2 });
  expect(await start("s1")).toMatchObject({ seq: seq + 2, duplicate: true });
  await start("s2");
  await api.cancelAnswers!({ conversationId, replyTo: seq + 1, discard: true });

  expect(await api.readConversation!({ conversationId })).toMatchObject({ title: "Team", role: "owner" });
  await api.patchConversation!({ conversationId, requestBody: { title: null } });
  as(KEYS.ops);
  await api.putConversation!({ conversationId: "rooms", requestBody: { title: "Rooms" } });
  const events = (await api.readEvents!({ after: "0", limit: 1000 })).events as { type: string }[];
  expect(events.map(({ type }) => type)).toContain("message.erased");
  await api.removeConversation!({ conversationId });
});

test("a generated client uses every verb of the operator, and so every verb of the document", async () => {
  as(KEYS.ops);
  const conversationId = "rooms";
  await api.putRetention!({ conversationId, requestBody: { days: 3 } });
  expect(await api.readRetention!({ conversationId })).toEqual({ days: 3 });
  await api.removeRetention!({ conversationId });
  expect((await api.listConversations!({})).conversations).not.toBeEmpty();
  await api.patchUser!({ user: "ann", requestBody: { plan: "free" } });
  expect(await api.readUser!({ user: "ann" })).toMatchObject({ plan: "free" });
  expect((await api.listUsers!({ plan: "free", disabled: "false" })).users[0]).toMatchObject({ user: "ann" });
  await api.signOutUser!({ user: "ann" });
  expect(await api.exportUser!({ user: "ann" })).toMatchObject({ user: "ann" });
  const { id } = await api.eraseUser!({ user: "gone" });
  expect(await api.readErasure!({ erasure: id })).toMatchObject({ id, state: "done" });
  await api.revoke!({ requestBody: { user: "dora" } });
  expect((await api.listRevocations!({})).revocations).not.toBeEmpty();
  expect((await api.listNodes!()).nodes).toHaveLength(1);
  expect(await api.readStatistics!()).toMatchObject({ store: { engine: "embedded" } });
  await api.readActivity!({});
  expect(await api.makeApiKey!({ requestBody: { name: "crm", rights: ["read"] } })).toMatchObject({
    key: expect.stringMatching(/^pk_/),
  });
  expect((await api.listApiKeys!({})).api_keys).not.toBeEmpty();
  await api.revokeApiKey!({ name: "crm" });
  const url = "https://receiver.example/parley";
  const hook = await api.addWebhook!({ requestBody: { url, types: ["member.*"] } });
  expect((await api.listWebhooks!({})).webhooks).toHaveLength(1);
  expect(await api.readWebhook!({ id: hook.id })).toMatchObject({ state: "active" });
  await api.patchWebhook!({ id: hook.id, requestBody: { types: null } });
  expect(await api.pauseWebhook!({ id: hook.id })).toMatchObject({ state: "paused" });
  await api.rotateWebhookSecret!({ id: hook.id, requestBody: { seconds: 0 } });
  await api.replayWebhook!({ id: hook.id, requestBody: { since: 0 } });
  await api.removeWebhook!({ id: hook.id });
  expect(await refusal(api.resumeWebhook!({ id: hook.id }))).toMatchObject({ status: 404 });
  await api.removeUser!({ user: "ann" });
  expect(check.unused()).toEqual([]);
});

test("an answer that is not what the document says is found", async () => {
  const wrong = check.around((async () => Response.json({ status: "fine" })) as unknown as typeof fetch);
  await expect(wrong(`${server.url}/healthz`)).rejects.toThrow("GET /healthz answered 200");
});
