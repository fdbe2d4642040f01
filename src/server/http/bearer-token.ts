import type { HttpContext } from "./context.ts";

/** Returns the token of `Authorization: Bearer …`; undefined where there is none, or more than one. */
export function bearerTokenOf(c: HttpContext): string | undefined {
  return /^Bearer +([^\s,]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
}
