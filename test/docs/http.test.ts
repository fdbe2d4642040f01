import { expect, test } from "bun:test";
import { VERBS } from "../../docs/generate/http-page.ts";
import { createApp } from "../../src/server/http/app.ts";
import { testApp } from "../support/server/http-app.ts";

test("docs/HTTP.md has every route of the server, and no other", async () => {
  const { parts } = await testApp();
  const own = new Set(["/config.json", ...parts.page.keys()]);
  const routes = createApp(parts)
    .routes.filter(({ method, path }) => !["ALL", "OPTIONS"].includes(method) && !own.has(path))
    .map(({ method, path }) => `${method} ${path}`);
  expect(VERBS.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...new Set(routes)].sort());
});
