import { routePath } from "hono/route";
import type { Emit } from "../../../core/events/events.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";
import { queryError } from "./query-fields.ts";

/**
 * Returns the refusal of a request whose query has a field that its verb does not have, or one twice; it is logged. Each function that
 * authenticates the sender of a request calls this, so that no route can forget it.
 */
export function refuseQuery(
  emit: Emit,
  c: HttpContext,
  logFields: { readonly address: string; readonly user?: string; readonly key?: string },
): Response | undefined {
  const { url, method, path } = c.req;
  const start = url.indexOf("?");
  // Most requests have no query.
  if (start === -1) return undefined;
  // HEAD is answered as GET is (RFC 9110 §9.3.2).
  const verb = `${method === "HEAD" ? "GET" : method} ${routePath(c)}`;
  const detail = queryError(verb, url.slice(start + 1));
  if (detail === undefined) return undefined;
  emit("request.invalid", { ...logFields, path, code: "invalid" });
  return problem("invalid", { detail });
}
