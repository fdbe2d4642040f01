// Which fields the query of a verb may have. A misspelt one would do something else than was meant, without a word.
import { z } from "zod";
import { describeUnknownField } from "../../../protocol/unknown-fields.ts";
import type { VerbSchemas } from "../schemas/verb-schemas.ts";
import { HTTP_VERBS, type VerbName } from "../schemas/verbs.ts";

/**
 * The verbs that ignore what they do not know of a query: OAuth 2 asks for it (RFC 6749 §3.2), a sign-out must not fail, and health
 * checks send what they like.
 */
export const ANY_QUERY: ReadonlySet<VerbName> = new Set<VerbName>([
  "POST /token",
  "POST /logout",
  "POST /console/session/end",
  "GET /healthz",
  "GET /readyz",
]);

/** Whether each field may be there several times, by its name. */
type QueryFields = ReadonlyMap<string, boolean>;

const FIELDS: ReadonlyMap<string, QueryFields> = new Map(
  Object.entries<VerbSchemas>(HTTP_VERBS)
    .filter(([verb]) => !ANY_QUERY.has(verb as VerbName))
    .map(([verb, { query }]) => [verb, fieldsOf(query)]),
);

function fieldsOf(query: z.ZodObject | undefined): QueryFields {
  const all = Object.entries<unknown>(query?.shape ?? {});
  return new Map(all.map(([name, schema]) => [name, isList(schema)]));
}

function isList(schema: unknown): boolean {
  return (schema instanceof z.ZodOptional ? schema.unwrap() : schema) instanceof z.ZodArray;
}

/**
 * Returns the error of the first field of a query that its verb does not have, or that is there twice and may be there once. `query` is
 * the address behind its `?`, `verb` a method and a path as the server registers it; a path that is no verb takes any query.
 */
export function queryError(verb: string, query: string): string | undefined {
  const fields = FIELDS.get(verb);
  if (fields === undefined) return undefined;
  const seen = new Set<string>();
  for (const name of new URLSearchParams(query).keys()) {
    const mayRepeat = fields.get(name);
    if (mayRepeat === undefined)
      return describeUnknownField(name, [...fields.keys()], "the query of this request");
    if (seen.has(name) && !mayRepeat) return `\`${name}\`: must be there once.`;
    seen.add(name);
  }
  return undefined;
}
