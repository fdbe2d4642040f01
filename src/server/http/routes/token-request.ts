import type { Emit } from "../../../core/events/events.ts";
import type { HttpContext } from "../context.ts";
import { type FieldError, type FieldReader, readFormFields } from "../form-fields.ts";

export type ParsedTokenRequest =
  | {
      readonly kind: "password";
      readonly username: string;
      readonly password: string;
      /** Whether a refresh token is requested: `scope` contains `offline_access` (OpenID Connect). */
      readonly offline: boolean;
    }
  | { readonly kind: "refresh_token"; readonly refreshToken: string }
  | { readonly kind: "unsupported" }
  | { readonly kind: "faulty"; readonly errors: readonly FieldError[] };

/** Reads the body of `POST /token`, urlencoded, multipart or JSON (SEC-S4), or returns the refusal of one that cannot be read. */
export async function readTokenRequest(emit: Emit, c: HttpContext): Promise<ParsedTokenRequest | Response> {
  const fields = await readFormFields(emit, c);
  if (fields instanceof Response) return fields;
  const read = parseGrant(fields.optional("grant_type"), fields);
  return fields.errors.length > 0 ? { kind: "faulty", errors: fields.errors } : read;
}

function parseGrant(type: string | undefined, fields: FieldReader): ParsedTokenRequest {
  switch (type) {
    case undefined:
    case "password":
      return {
        kind: "password",
        username: fields.required("username"),
        password: fields.required("password"),
        offline: fields.optional("scope")?.split(/ +/).includes("offline_access") ?? false,
      };
    case "refresh_token":
      return { kind: "refresh_token", refreshToken: fields.required("refresh_token") };
    default:
      return { kind: "unsupported" };
  }
}
