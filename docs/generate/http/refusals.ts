// The refusals of a verb, as responses of docs/openapi.json.
import { ERRORS, type ErrorCode, errorEntry } from "../../../src/protocol/errors.ts";
import { ANY_QUERY } from "../../../src/server/http/query/query-fields.ts";
import type { VerbSchemas } from "../../../src/server/http/schemas/verb-schemas.ts";
import { addressOf, type Verb } from "./verb.ts";

/** Verbs that are answered with the refusals of OAuth 2. */
const OAUTH_VERBS: ReadonlySet<string> = new Set(["POST /token", "POST /console/session/token"]);

/** Errors by the status with which a verb answers them. */
type ByStatus = ReadonlyMap<number, readonly ErrorCode[]>;

/** The errors that a verb may be refused with, in the order of the catalogue. */
export function errorsOf(verb: Verb, schemas: VerbSchemas): ErrorCode[] {
  const { credential = "any", errors = [] } = verb;
  const found = new Set<ErrorCode>(errors);
  const add = (...codes: ErrorCode[]) => {
    for (const code of codes) found.add(code);
  };
  const isHealth = ["GET /healthz", "GET /readyz"].includes(verb.verb);
  if (!isHealth) add("bad_request", "origin_refused", "flooding", "unavailable", "internal");
  if (["any", "token", "key"].includes(credential)) add("unauthorized", "forbidden");
  if (["any", "token"].includes(credential)) add("token_expired", "token_revoked");
  if (OAUTH_VERBS.has(verb.verb)) add("unauthorized", "forbidden", "too_many_attempts");
  if (!ANY_QUERY.has(verb.verb)) add("invalid");
  if (schemas.body !== undefined) add("malformed", "invalid", "too_large");
  const { path } = addressOf(verb);
  if (path.includes("{")) add("bad_address", "invalid", "not_found");
  if (path.includes("{conversation_id}")) add("banned", "removed");
  return (Object.keys(ERRORS) as ErrorCode[]).filter((code) => found.has(code));
}

/** The responses of a verb's refusals by status. Equal ones of several verbs are one component, which `share` names. */
export function refusalsOf(
  verb: Verb,
  schemas: VerbSchemas,
  share: (name: string, response: object) => object,
): Record<string, object> {
  const isOauth = OAUTH_VERBS.has(verb.verb);
  const responses = Array.from(byStatus(errorsOf(verb, schemas), isOauth), ([status, codes]) => {
    const name = `${isOauth ? "OAuth-" : ""}${status}-${codes.join("-")}`;
    return [String(status), share(name, response(status, codes, isOauth))] as const;
  });
  return Object.fromEntries(responses);
}

function byStatus(codes: readonly ErrorCode[], isOauth: boolean): ByStatus {
  const found = new Map<number, ErrorCode[]>();
  const add = (status: number, code: ErrorCode) => found.set(status, [...(found.get(status) ?? []), code]);
  for (const code of codes) add(errorEntry(code).http, code);
  // RFC 6749 §5.2: an unknown grant, and a refresh token that is not valid.
  if (isOauth) for (const code of ["unauthorized", "invalid"] as const) add(400, code);
  return new Map([...found].sort(([a], [b]) => a - b));
}

function response(status: number, codes: readonly ErrorCode[], isOauth: boolean): object {
  const headers = [429, 503].includes(status) && {
    headers: {
      "Retry-After": {
        description: "Seconds until the request may succeed.",
        schema: { type: "integer", minimum: 1 },
      },
    },
  };
  const refused = (name: string) => ({
    schema: {
      allOf: [
        { $ref: `#/components/schemas/${name}` },
        { type: "object", properties: { code: { enum: codes } } },
      ],
    },
  });
  return {
    description: codes.map((code) => `\`${code}\``).join(", "),
    ...headers,
    content: {
      ...(isOauth && { "application/json": refused("OAuthProblem") }),
      "application/problem+json": refused("Problem"),
    },
  };
}
