import { expect, test } from "bun:test";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

const KEYS = {
  operator: [newApiKey(), "read+write+manage"],
  manager: [newApiKey(), "manage"],
  reader: [newApiKey(), "read"],
} as const;
const API_KEYS = Object.entries(KEYS)
  .map(([name, [key, rights]]) => `${name}:${hashOfApiKey(key)}:${rights}`)
  .join();

test("EV2 a program of the operator adds, reads, changes and removes webhooks, and its receiver gets what is said", async () => {
  await using server = await startTestServer({ env: { API_KEYS, WEBHOOK_ALLOW_PRIVATE: "true" } });
  using receiver = new WebhookReceiver("whsec_AAAA");
  const call = async (method: string, path: string, body?: object, name: keyof typeof KEYS = "operator") => {
    const response = await fetch(server.url + path, {
      method,
      headers: { Authorization: `Bearer ${KEYS[name][0]}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const say = (text: string, conversation = "team-a") =>
    call("POST", `/conversations/${conversation}/messages`, { text, from: "anna" });

  for (const name of ["manager", "reader"] as const)
    expect(await call("GET", "/webhooks", undefined, name)).toMatchObject({ status: 403 });
  for (const wrong of [
    { url: "ftp://a.example/" },
    { url: "https://0.0.0.0/" },
    { url: "http://[2606:4700::1111]/" },
    { url: receiver.url, types: ["message.gone"] },
    { url: receiver.url, conversations: ["a*b"] },
    { url: receiver.url, state: "paused" },
    {},
  ])
    expect(await call("POST", "/webhooks", wrong)).toMatchObject({ status: 422, body: { code: "invalid" } });
  const asked = {
    id: "crm",
    url: receiver.url,
    types: ["message.*"],
    conversations: ["team-*"],
  };
  const added = await call("POST", "/webhooks", asked);
  expect(added).toMatchObject({
    status: 201,
    body: { id: "crm", by: "operator", state: "active", conversations: ["team-*"], retries: [] },
  });
  receiver.secret = added.body.secret;
  const { secret: _, ...facts } = added.body;
  expect(await call("POST", "/webhooks", asked)).toEqual({
    status: 200,
    body: { ...facts, duplicate: true },
  });
  expect(await call("POST", "/webhooks", { ...asked, types: ["message.created"] })).toMatchObject({
    status: 409,
    body: { code: "conflict" },
  });
  const other = await call("POST", "/webhooks", { url: receiver.url, types: ["user.erased"] });
  expect(other.body.id).toMatch(/^wh_/);
  const page = await call("GET", "/webhooks?limit=1");
  expect(page.body).toMatchObject({ webhooks: [{ id: "crm" }], more: true });
  expect((await call("GET", `/webhooks?cursor=${page.body.cursor}`)).body).toMatchObject({
    webhooks: [{ id: other.body.id }],
    more: false,
  });
  expect(JSON.stringify((await call("GET", "/webhooks")).body)).not.toContain("whsec_");

  await say("hello");
  await say("not wanted", "room");
  await waitUntil("the event has come", () => receiver.accepted.length > 0);
  expect(receiver.accepted).toMatchObject([
    { type: "message.created", conversation: "team-a", user: "anna", message: { seq: 1, text: "hello" } },
  ]);
  await waitUntil("its progress can be read", async () => {
    const { body } = await call("GET", "/webhooks/crm");
    return body.last_success?.event === receiver.accepted[0]!.id && body.waiting === undefined;
  });

  expect((await call("POST", "/webhooks/crm/pause")).body).toMatchObject({
    state: "paused",
    reason: "operator",
  });
  expect((await call("POST", "/webhooks/crm/pause")).status).toBe(200);
  const waits = async () => (await call("GET", "/webhooks/crm")).body.waiting;
  // The sender has stored that none waits, and does not look again: the feed says what came since.
  await say("not wanted", "room");
  expect(await waits()).toBeUndefined();
  await say("while it is paused");
  expect(await waits()).toEqual({ since: expect.any(Number) });
  const { webhooks } = (await call("GET", "/webhooks?limit=1")).body;
  expect(webhooks).toMatchObject([{ id: "crm", waiting: { since: (await waits()).since } }]);
  const edit = { types: null, url: `${receiver.url}/other` };
  const edited = await call("PATCH", "/webhooks/crm", edit);
  expect(edited.body).toMatchObject({ state: "paused", url: edit.url });
  expect(edited.body.types).toBeUndefined();
  expect(await call("PATCH", "/webhooks/crm", { url: "https://a.example:22/" })).toMatchObject({
    status: 422,
  });
  const rotated = await call("POST", "/webhooks/crm/rotate", { seconds: 0 });
  receiver.secret = rotated.body.secret;
  expect((await call("POST", "/webhooks/crm/resume")).body).toMatchObject({ state: "active" });
  await waitUntil("it has come", () =>
    receiver.accepted.some(({ message }) => message?.text === "while it is paused"),
  );

  for (const wrong of [{}, { after: "x" }, { since: "today" }, { since: 9e15 }, { after: "0", since: 0 }])
    expect(await call("POST", "/webhooks/crm/replay", wrong)).toMatchObject({ status: 422 });
  expect(await call("POST", "/webhooks/crm/replay", { after: facts.position })).toMatchObject({
    status: 200,
    body: { waiting: { since: expect.any(Number) } },
  });
  const hellos = () => receiver.accepted.filter(({ message }) => message?.text === "hello");
  await waitUntil("it has come again", () => hellos().length > 1);
  expect(hellos()[1]!.id).toBe(hellos()[0]!.id);

  expect(await call("DELETE", "/webhooks/crm")).toEqual({ status: 204, body: undefined });
  expect(await call("DELETE", "/webhooks/crm")).toEqual({ status: 204, body: undefined });
  for (const [method, path] of [
    ["GET", "/webhooks/crm"],
    ["PATCH", "/webhooks/crm"],
    ["POST", "/webhooks/crm/resume"],
  ] as const)
    expect(await call(method, path, method === "GET" ? undefined : {})).toMatchObject({ status: 404 });
  expect(await call("GET", "/webhooks/a b")).toMatchObject({ status: 400, body: { code: "bad_address" } });
  expect(receiver.unverified).toBe(0);
  const logged = JSON.stringify(server.log.entries);
  expect(logged).toContain("operator.webhook_added");
  expect(logged).not.toContain("whsec_");
});
