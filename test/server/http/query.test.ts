// A misspelt field of a query would do something else than was meant: `?since=0` of `GET /events` was answered from now on.
import { expect, test } from "bun:test";
import { ApiKeys, hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { ANY_QUERY } from "../../../src/server/http/query/query-fields.ts";
import type { VerbName } from "../../../src/server/http/schemas/verbs.ts";
import { testApp } from "../../support/server/http-app.ts";
import { startTestServer } from "../../support/server/test-server.ts";

interface Operation {
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
}

const document = await Bun.file(new URL("../../../docs/openapi.json", import.meta.url)).json();
const VERBS = Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const registered = path.replace(
      /\{(\w+)\}/g,
      (_, name) => `:${name === "conversation_id" ? "id" : name}`,
    );
    const fields = operation.parameters.filter((each) => each.in === "query");
    return { verb: `${method.toUpperCase()} ${registered}` as VerbName, fields, operation };
  }),
);

/** Sends a request for a verb, with the credential that it needs. */
async function sender() {
  const key = newApiKey();
  const apiKeys = new ApiKeys([
    { name: "ops", hash: hashOfApiKey(key), rights: ["read", "write", "manage"] },
  ]);
  const { send, parts, clock, log } = await testApp({ apiKeys, burst: { rate: 0, size: 0 } });
  const ask = async (line: string, { security }: Operation, query: string, method?: string) => {
    const [registered = "", path = ""] = line.split(" ");
    const sent = method ?? registered;
    // One of its own for each: `POST /logout` ends it.
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    const usesKey = security.some((each) => "apiKey" in each);
    const page = {
      Host: "localhost:8000",
      Origin: "http://localhost:8000",
      "Sec-Fetch-Site": "same-origin",
      "Content-Type": "application/json",
    };
    const headers = security.some((each) => "session" in each)
      ? page
      : { Authorization: `Bearer ${usesKey ? key : token}` };
    const address = path.replaceAll(":seq", "1").replace(/:\w+/g, "name");
    const response = await send(`${address}${query}`, { method: sent, headers });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  return { ask, send, log };
}

test("every verb refuses a field of the query that it does not have, and names those it has", async () => {
  const { ask, log } = await sender();
  expect(VERBS.length).toBeGreaterThan(50);
  for (const { verb, fields, operation } of VERBS) {
    const found = await ask(verb, operation, "?unknown=1");
    if (ANY_QUERY.has(verb)) {
      expect([verb, JSON.stringify(found)]).not.toEqual([verb, expect.stringContaining("unknown")]);
      continue;
    }
    const names = fields.map(({ name }) => `\`${name}\``).join(", ");
    const detail = `\`unknown\`: the query of this request has no such field; it has ${names || "none"}.`;
    expect({ verb, ...found }).toMatchObject({ verb, status: 422, body: { code: "invalid", detail } });
  }
  expect(log.entries.filter(({ event }) => event === "request.invalid").length).toBeGreaterThan(50);
  expect([...ANY_QUERY].filter((verb) => !VERBS.some((each) => each.verb === verb))).toEqual([]);
});

test("every verb refuses a field that is there twice, where one value is expected", async () => {
  const { ask } = await sender();
  const several: string[] = [];
  for (const { verb, fields, operation } of VERBS)
    for (const { name, schema } of fields) {
      const { body } = await ask(verb, operation, `?${name}=1&${encodeURIComponent(name)}=2`);
      if (body?.detail !== `\`${name}\`: must be there once.`) several.push(`${verb} ${name}`);
      else expect(schema).not.toMatchObject({ type: "array" });
    }
  expect(several).toEqual(["GET /events conversation"]);
});

test("a name is decoded before it is looked up, HEAD is read as GET, and other paths take any query", async () => {
  const { ask, send } = await sender();
  const { operation } = VERBS.find(({ verb }) => verb === "GET /inbox")!;
  const inbox = (query: string, method?: string) => ask("GET /inbox", operation, query, method);
  for (const query of ["", "?", "?&", "?lim%69t=5", "?limit=5&after=1?x=2"])
    expect([query, (await inbox(`${query}${query.includes("?") ? "&" : "?"}user=ann`)).status]).toEqual([
      query,
      200,
    ]);
  for (const query of [
    "?__proto__=1",
    "?constructor=1",
    "?=1",
    "?Limit=5",
    "?limit=5&lim%69t=6",
    "?limit[]=5",
  ])
    expect([query, (await inbox(`${query}&user=ann`)).status]).toEqual([query, 422]);
  expect((await inbox("?unknown=1", "HEAD")).status).toBe(422);
  expect((await inbox("?unknown=1", "OPTIONS")).status).toBe(204);
  expect((await send("/inbox?unknown=1")).status).toBe(401);
  for (const path of ["/healthz", "/readyz", "/config.json", "/docs", "/openapi.json"])
    expect([path, (await send(`${path}?v=3`, {}, { onThisMachine: true })).status]).toEqual([path, 200]);
});

test("Q1 what is refused for its query is neither done nor charged", async () => {
  const key = newApiKey();
  await using server = await startTestServer({
    env: { API_KEYS: `crm:${hashOfApiKey(key)}:read+write`, PLANS: "free:100:5" },
  });
  const ask = async (bearer: string, method: string, path: string, body?: object) => {
    const response = await fetch(`${server.url}${path}`, {
      ...{ method, headers: { Authorization: `Bearer ${bearer}` } },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const token = await server.token("anna");
  const messages = "/conversations/lobby/messages";
  await ask(token, "POST", messages, { text: "first" });
  const refused = [
    [key, "GET", "/events?type=message.created"],
    [key, "GET", "/events?since=0"],
    [token, "GET", `${messages}?befor=3`],
    [token, "GET", `${messages}?limit=1&limit=2`],
    [token, "POST", `${messages}?id=m1`, { text: "second" }],
    // It once took the place of the reaction in the address.
    [token, "PUT", `${messages}/1/reactions/👍?reaction=👎`],
    [token, "DELETE", `${messages}/1?reson=x`],
  ] as const;
  for (const [bearer, method, path, body] of refused)
    expect({ path, ...(await ask(bearer, method, path, body)) }).toMatchObject({
      ...{ path, status: 422, body: { code: "invalid" } },
    });
  expect((await ask(token, "GET", messages)).body).toMatchObject({
    messages: [{ text: "first" }],
    quota: { remaining: 98 },
  });
});

test("RT-30 an address of 15,000 characters is answered in words, and a head over 16 KiB by an empty 431", async () => {
  await using server = await startTestServer();
  const ask = (length: number) => fetch(`${server.url}/events?after=${"9".repeat(length)}`);
  expect(await (await ask(15_000)).json()).toMatchObject({ code: "unauthorized" });
  const refused = await ask(17_000);
  expect([refused.status, await refused.text()]).toEqual([431, ""]);
});
