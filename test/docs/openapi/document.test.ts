// docs/openapi.json and docs/HTTP.md are made from one table (docs/generate/http/verbs.ts): it has every route of the server, and
// what is made of it is OpenAPI 3.1.
import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApiDocument } from "../../../docs/generate/http/openapi.ts";
import { VERBS } from "../../../docs/generate/http/verbs.ts";
import { createApp } from "../../../src/server/http/app.ts";
import { API_PAGE_PATHS } from "../../../src/server/http/routes/api-page.ts";
import { HTTP_VERBS } from "../../../src/server/http/schemas/verbs.ts";
import { testApp } from "../../support/server/http-app.ts";

test("the table of verbs has every route of the server, and no other", async () => {
  const { parts } = await testApp();
  const own = new Set<string>(["/config.json", ...API_PAGE_PATHS, ...parts.page.keys()]);
  const routes = createApp(parts)
    .routes.filter(({ method, path }) => !["ALL", "OPTIONS"].includes(method) && !own.has(path))
    .map(({ method, path }) => `${method} ${path}`);
  const verbs = VERBS.map(({ verb }) => verb);
  expect([...verbs].sort() as string[]).toEqual([...new Set(routes)].sort());
  expect([...verbs].sort()).toEqual(Object.keys(HTTP_VERBS).sort() as typeof verbs);
  expect(new Set(VERBS.map(({ name }) => name)).size).toBe(VERBS.length);
});

/** All schemas within a value, with their places. */
function* schemasIn(value: unknown, at = ""): Iterable<[at: string, schema: Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  if ("type" in value) yield [at, value as Record<string, unknown>];
  for (const [name, field] of Object.entries(value)) yield* schemasIn(field, `${at}/${name}`);
}

test("a generated client can set any field of a JSON object, and knows what each field of a request means and the bounds of a title", () => {
  const { paths, components } = JSON.parse(openApiDocument());
  // A generator takes an object without properties and without `additionalProperties` for an empty one.
  const closed = [...schemasIn({ paths, components })]
    .filter(([, { type }]) => [type].flat().includes("object"))
    .filter(([, { properties, additionalProperties }]) => !properties && additionalProperties === undefined);
  expect(closed.map(([at]) => at)).toEqual([]);
  const bodyOf = (path: string, method = "post") =>
    paths[path][method].requestBody.content["application/json"].schema.properties;
  const message = bodyOf("/conversations/{conversation_id}/messages");
  expect(message.data).toMatchObject({ type: "object", additionalProperties: true });
  expect(message.id.description).toContain("carried out once");
  expect(bodyOf("/conversations").title).toMatchObject({ maxLength: 200 });
  expect(bodyOf("/conversations").data.description).toContain("4096 bytes");
  expect(bodyOf("/conversations/{conversation_id}/read", "put").seq.description).toContain("change nothing");
});

test("docs/openapi.json is valid OpenAPI 3.1, and each reference in it names a part of it", async () => {
  const document = JSON.parse(openApiDocument());
  const validator = new Validator();
  expect(await validator.validate(document)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  const references = openApiDocument().matchAll(/"\$ref": "#\/components\/(\w+)\/([^"]+)"/g);
  const named = new Set(Array.from(references, ([, kind, name]) => `${kind}/${name}`));
  const parts = (["schemas", "responses"] as const).flatMap((kind) =>
    Object.keys(document.components[kind]).map((name) => `${kind}/${name}`),
  );
  expect([...named].filter((name) => !parts.includes(name))).toEqual([]);
  expect(parts.filter((name) => !named.has(name))).toEqual([]);
});
