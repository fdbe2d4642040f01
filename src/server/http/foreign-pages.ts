import type { MiddlewareHandler } from "hono";
import { parseHost } from "../../core/access/host-field.ts";
import { explainOriginRefusal, type OriginRule } from "../../core/access/origins.ts";
import type { Emit } from "../../core/events/events.ts";
import type { HttpEnvironment } from "./context.ts";
import { problem } from "./problem.ts";

/**
 * Refuses requests of pages that may not use the server, as the handshake does for sockets (W2). CORS is not enough: a browser
 * sends a form of any page to any address without a preflight request (a "simple" request), and a page whose name resolves to
 * this server (DNS rebinding) has the same origin as the server.
 *
 * `open` are the paths without user data, which any client may read under any `Host`: load balancers send their own `Host`
 * with health checks, and the page must load before it can show an error.
 */
export function refuseForeignPages(
  { origins, emit }: { readonly origins: OriginRule; readonly emit: Emit },
  open: ReadonlySet<string>,
): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const { method, path } = c.req;
    // OPTIONS reads and changes nothing; cross-origin.ts decides what its reply allows a page.
    if (method === "OPTIONS" || open.has(path)) return next();
    const { headers } = c.req.raw;
    const { address, scheme } = c.env;
    const host = headers.get("host") ?? "";
    if (host !== "" && parseHost(host) === undefined) {
      emit("request.invalid", { address, path, code: "bad_request" });
      return problem("bad_request", {
        detail: "There must be one `Host` field, with one host (RFC 9112 §3.2).",
      });
    }
    const reason = explainOriginRefusal(origins, { scheme, headers });
    if (reason === undefined) return next();
    emit("request.refused", { address, path, code: "origin_refused", reason });
    return problem("origin_refused", { detail: reason });
  };
}
