import type { Log } from "../log.ts";
import type { HttpContext } from "./environment.ts";
import { type FieldFault, type FieldReader, readFormFields } from "./form-fields.ts";

export type TokenRequestBody =
  | {
      readonly grant: "password";
      readonly username: string;
      readonly password: string;
      /** Whether a refresh token is wanted: OpenID Connect's word for it stands in `scope`. */
      readonly offline: boolean;
    }
  | { readonly grant: "refresh_token"; readonly refreshToken: string }
  | { readonly grant: "unsupported" }
  | { readonly grant: "faulty"; readonly faults: readonly FieldFault[] };

/** Reads the body of `POST /token`, urlencoded, multipart or JSON (S4), or returns the refusal of one that cannot be read. */
export async function readTokenRequest(log: Log, c: HttpContext): Promise<TokenRequestBody | Response> {
  const fields = await readFormFields(log, c);
  if (fields instanceof Response) return fields;
  const read = readGrant(fields.optional("grant_type"), fields);
  return fields.faults.length > 0 ? { grant: "faulty", faults: fields.faults } : read;
}

function readGrant(type: string | undefined, fields: FieldReader): TokenRequestBody {
  switch (type) {
    case undefined:
    case "password":
      return {
        grant: "password",
        username: fields.required("username"),
        password: fields.required("password"),
        offline: fields.optional("scope")?.split(/ +/).includes("offline_access") ?? false,
      };
    case "refresh_token":
      return { grant: "refresh_token", refreshToken: fields.required("refresh_token") };
    default:
      return { grant: "unsupported" };
  }
}
