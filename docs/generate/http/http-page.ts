// Makes docs/HTTP.md: every HTTP verb on one page.
import { z } from "zod";
import type { VerbSchemas } from "../../../src/server/http/schemas/verb-schemas.ts";
import { HTTP_VERBS } from "../../../src/server/http/schemas/verbs.ts";
import { COMPONENTS } from "./components.ts";
import { addressOf } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** Components that are not listed: names, refusals and events, which other pages have. */
const isListed = (name: string) => !/Identifier|MessageId|ErrorCode|Problem|Event$/.test(name);

const NAMES: ReadonlyMap<z.ZodType, string> = new Map(
  Object.entries(COMPONENTS)
    .filter(([name]) => isListed(name))
    .map(([name, { schema }]) => [schema, name]),
);

/** Returns the page. */
export function httpPage(): string {
  const rows = VERBS.map((verb) => {
    const { method, path } = addressOf(verb);
    const schemas: VerbSchemas = HTTP_VERBS[verb.verb];
    return [`\`${method} ${path}\``, verb.about, verb.who, takes(schemas), answers(schemas)].join(" | ");
  });
  const objects = [...NAMES].map(
    ([schema, name]) => `\`${name}\` | ${COMPONENTS[name]!.about} | \`${fieldsOf(schema)}\``,
  );
  return `# All HTTP verbs

<!-- Made by docs/generate/main.ts from docs/generate/http/verbs.ts and src/server/http/schemas/. Change them there, then: npm run docs -->

A token or an API key is sent as \`Authorization: Bearer …\`. [protocol/HTTP.md](protocol/HTTP.md) has the rules and the errors. Every address
answers OPTIONS with \`Allow\`, and HEAD where it answers GET. [openapi.json](openapi.json) has the same as OpenAPI 3.1. A server
answers it at \`GET /openapi.json\`, and as a page at \`GET /docs\`: to programs and browsers on its own machine, and to programs with an API key.

| request | what it does | who may | takes | answer |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join("\n")}

## Objects

| name | what it is | fields |
| --- | --- | --- |
${objects.map((row) => `| ${row} |`).join("\n")}
`;
}

function takes({ query, body }: VerbSchemas): string {
  const parts = [
    query && `\`?${Object.keys(query.shape).join("&")}\``,
    body && `\`${shapeOf(body)}\``,
  ].filter((part) => part !== undefined);
  return parts.join(", ") || "–";
}

function answers({ answers }: VerbSchemas): string {
  const byShape = new Map<string, string[]>();
  for (const [status, schema] of Object.entries(answers)) {
    const shape = schema === null ? "" : ` \`${shapeOf(schema)}\``;
    byShape.set(shape, [...(byShape.get(shape) ?? []), status]);
  }
  return Array.from(byShape, ([shape, statuses]) => `${statuses.join(" or ")}${shape}`).join("; ");
}

/** A schema in a line: a name of an object, or its fields. */
function shapeOf(schema: z.ZodType): string {
  return NAMES.get(schema) ?? fieldsOf(schema);
}

function fieldsOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).map((option) => shapeOf(option)).join("` or `");
  if (schema instanceof z.ZodArray) return `[${shapeOf(schema.element as z.ZodType)}]`;
  if (schema instanceof z.ZodObject)
    return `{${Object.entries<z.ZodType>(schema.shape)
      .map(([name, field]) => `${name}${field.isOptional() ? "?" : ""}`)
      .join(", ")}}`;
  return "…";
}
