import type { HttpContext } from "./context.ts";

/** Returns the token of `Authorization: Bearer …`; undefined where the request has none, or several. */
export function bearerTokenOf(c: HttpContext): string | undefined {
  return /^Bearer +([^\s,]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
}
