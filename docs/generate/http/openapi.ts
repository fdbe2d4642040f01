// Makes docs/openapi.json: the HTTP API as OpenAPI 3.1, from the table of verbs and their schemas.
import { STATUS_CODES } from "node:http";
import { z } from "zod";
import packageJson from "../../../package.json" with { type: "json" };
import { FEED_EVENTS } from "../../../src/protocol/feed/event-schemas.ts";
import { Identifier } from "../../../src/protocol/identifiers.ts";
import type { VerbSchemas } from "../../../src/server/http/schemas/verb-schemas.ts";
import { HTTP_VERBS } from "../../../src/server/http/schemas/verbs.ts";
import { eventComponent } from "./components.ts";
import { fieldText } from "./field-texts.ts";
import { type JsonSchema, makeSchemas } from "./json-schemas.ts";
import { refusalsOf } from "./refusals.ts";
import { addressOf, type Verb } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** The parts of paths. */
const PATH_PARTS: Readonly<Record<string, z.ZodType>> = {
  erasure: z.string().min(1).max(64),
  conversation_id: Identifier,
  user: Identifier,
  name: Identifier,
  id: Identifier,
  seq: z.int().min(1),
  stream: z.string().regex(/^[A-Za-z0-9_-]{12}$/),
  reaction: z.string(),
};

type Schemas = ReturnType<typeof makeSchemas>;

/** Returns the text of the file. */
export function openApiDocument(): string {
  const verbs = Object.values<VerbSchemas>(HTTP_VERBS);
  const schemas = makeSchemas([
    ...Object.values(PATH_PARTS),
    ...verbs.flatMap(({ query, body, answers }) =>
      [query, body, ...Object.values(answers)].filter((each) => each !== undefined && each !== null),
    ),
  ]);
  const responses: Record<string, object> = {};
  const share = (name: string, response: object) => {
    responses[name] = response;
    return { $ref: `#/components/responses/${name}` };
  };
  const paths: Record<string, Record<string, object>> = {};
  for (const verb of VERBS) {
    const { method, path } = addressOf(verb);
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(verb, schemas, share) };
  }
  const document = {
    openapi: "3.1.1",
    info: {
      title: "Parley",
      version: packageJson.version,
      description:
        "A self-hosted conversation server. This describes its HTTP API; docs/PROTOCOL.md has the frames of its WebSocket. Times are in milliseconds since 1970, durations in seconds.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The server that this document comes from." }],
    tags: [...new Set(VERBS.map(tagOf))].map((name) => ({ name })),
    paths,
    webhooks: webhooks(),
    components: {
      schemas: schemas.components,
      responses: Object.fromEntries(Object.entries(responses).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The token of a user." },
        apiKey: { type: "http", scheme: "bearer", description: "An API key of a program: `pk_…`." },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "parley-session",
          description:
            "The cookie of the console's own page. Its name also has the port and the user: `parley-session-8000.ann`.",
        },
      },
    },
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

/** The part of the API that a verb is of: the first part of its path. */
function tagOf(verb: Verb): string {
  const [, first = ""] = addressOf(verb).path.split("/");
  return { healthz: "health", readyz: "health", console: "token", logout: "token" }[first] ?? first;
}

function operation(
  verb: Verb,
  schemas: Schemas,
  share: (name: string, response: object) => object,
): JsonSchema {
  const found: VerbSchemas = HTTP_VERBS[verb.verb];
  const body =
    found.body && (withTexts(schemas.of(found.body, "asked"), verb.name, "") as JsonSchema | undefined);
  const types = verb.form ? ["application/x-www-form-urlencoded", "application/json"] : ["application/json"];
  return {
    operationId: verb.name,
    tags: [tagOf(verb)],
    summary: verb.about,
    description: verb.who === "–" ? "Anybody may." : `Who may: ${verb.who}.`,
    security: securityOf(verb),
    parameters: [...pathParameters(verb, schemas), ...queryParameters(verb, found, schemas)],
    ...(body && {
      requestBody: {
        required: requires(body),
        content: Object.fromEntries(types.map((type) => [type, { schema: body }])),
      },
    }),
    responses: { ...answersOf(found, schemas), ...refusalsOf(verb, found, share) },
  };
}

/** Returns the schema of a body with a text at each of its fields, also at those of objects in it. Components have their own. */
function withTexts(schema: JsonSchema, operation: string, path: string): JsonSchema {
  const { properties, items } = schema as { properties?: Record<string, JsonSchema>; items?: JsonSchema };
  if (items !== undefined) return { ...schema, items: withTexts(items, operation, `${path}[]`) };
  if (properties === undefined) return schema;
  const fields = Object.entries(properties).map(([name, field]) => {
    const at = path === "" || path === "[]" ? name : `${path}.${name}`;
    return [name, { description: fieldText(operation, at), ...withTexts(field, operation, at) }];
  });
  return { ...schema, properties: Object.fromEntries(fields) };
}

/** An empty body is an empty object. */
function requires(body: JsonSchema): boolean {
  return body.type === "array" || (Array.isArray(body.required) && body.required.length > 0);
}

function securityOf({ credential = "any" }: Verb): object[] {
  const schemes = {
    any: ["token", "apiKey"],
    token: ["token"],
    key: ["apiKey"],
    cookie: ["session"],
    none: [],
  };
  return schemes[credential].map((name) => ({ [name]: [] }));
}

function pathParameters(verb: Verb, schemas: Schemas): object[] {
  return Array.from(addressOf(verb).path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: schemas.of(PATH_PARTS[name]!, "asked"),
  }));
}

function queryParameters({ name: operation }: Verb, { query }: VerbSchemas, schemas: Schemas): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemas.of(query, "asked") as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    description: fieldText(operation, name),
    schema,
  }));
}

function answersOf({ answers }: VerbSchemas, schemas: Schemas): Record<string, object> {
  const found = Object.entries(answers).map(([status, schema]) => [
    status,
    {
      description: STATUS_CODES[status] ?? "",
      ...(schema && { content: { "application/json": { schema: schemas.of(schema, "answered") } } }),
    },
  ]);
  return Object.fromEntries(found);
}

/** What the receiver of a webhook gets and answers, by type of event. */
function webhooks(): Record<string, object> {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: true,
    description,
    schema: { type: "string" },
  });
  const found = Object.keys(FEED_EVENTS).map((type) => [
    type,
    {
      post: {
        summary: `the event \`${type}\``,
        security: [],
        parameters: [
          header("webhook-id", "The id of the event; the same when it comes again."),
          header("webhook-timestamp", "When it was sent, in seconds since 1970."),
          header("webhook-signature", "Signatures by Standard Webhooks, with a blank between them."),
        ],
        requestBody: {
          required: true,
          content: {
            "application/json": { schema: { $ref: `#/components/schemas/${eventComponent(type)}` } },
          },
        },
        responses: {
          "2XX": { description: "The event is done." },
          "410": { description: "The webhook ends." },
          default: { description: "The event is sent again later." },
        },
      },
    },
  ]);
  return Object.fromEntries(found);
}
