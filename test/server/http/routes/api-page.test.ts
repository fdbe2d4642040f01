import { expect, test } from "bun:test";
import { ApiKeys, hashOfApiKey, newApiKey } from "../../../../src/server/authentication/api-keys.ts";
import { API_PAGE_PATHS } from "../../../../src/server/http/routes/api-page.ts";
import { testApp } from "../../../support/server/http-app.ts";

const KEY = newApiKey();

test("SEC-P4 the description of the API is for this machine and for API keys", async () => {
  const apiKeys = new ApiKeys([{ name: "crm", rights: ["read"], hash: hashOfApiKey(KEY) }]);
  const app = await testApp({ apiKeys });
  const { access_token: token } = (await (await app.signIn("ann", "correct horse")).json()) as {
    access_token: string;
  };
  const bearing = (bearer: string) => ({ headers: { Authorization: `Bearer ${bearer}` } });
  for (const path of API_PAGE_PATHS) {
    expect((await app.send(path)).status).toBe(401);
    expect((await app.send(path, bearing("pk_unknown"))).status).toBe(401);
    expect((await app.send(path, bearing(token))).status).toBe(403);
    expect((await app.send(path, bearing(KEY))).status).toBe(200);
    expect((await app.send(path, {}, { onThisMachine: true })).status).toBe(200);
  }
});

test("SEC-P4 the page of the API has every verb and object, and loads nothing but its style sheet", async () => {
  const app = await testApp();
  const read = async (path: string) => (await app.send(path, {}, { onThisMachine: true })).text();
  const document = JSON.parse(await read("/openapi.json"));
  const page = await read("/docs");
  const ids = new Set(Array.from(page.matchAll(/ id="([^"]+)"/g), ([, id]) => id!));
  const operations = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap(
    (methods) => Object.values(methods).map(({ operationId }) => operationId),
  );
  expect([...operations, ...Object.keys(document.components.schemas)].filter((id) => !ids.has(id))).toEqual(
    [],
  );
  const links = Array.from(page.matchAll(/ (?:href|src)="([^"]+)"/g), ([, link]) => link!);
  const others = links.filter((link) => !link.startsWith("#"));
  expect(others.sort()).toEqual(["docs/style.css", "openapi.json"]);
  expect(links.filter((link) => link.startsWith("#") && !ids.has(link.slice(1)))).toEqual([]);
  expect(page.match(/<script| style=|javascript:| on\w+=/)).toBeNull();
});
