import type { MiddlewareHandler } from "hono";
import type { HttpEnvironment } from "./context.ts";
import { problem } from "./problem.ts";

/** Addresses that pages of ALLOWED_ORIGINS may use, and not only read. */
export const CROSS_ORIGIN_PATHS = ["/token", "/me", "/logout", "/ticket", "/conversations/*"];

/** How long a browser need not ask again, in seconds. */
const PREFLIGHT_MAX_AGE_S = "600";

/**
 * Lets pages of the listed origins read the answers (W2), as they may open sockets. Exact origins and never `*`; no
 * cookie is of any use here, so none is asked for (`Access-Control-Allow-Credentials`).
 */
export function crossOrigin(listed: readonly string[]): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const origin = c.req.header("Origin");
    const allowed = origin !== undefined && listed.includes(origin.toLowerCase());
    const preflight = c.req.method === "OPTIONS" && c.req.header("Access-Control-Request-Method");
    if (origin !== undefined && preflight) c.res = allowed ? preflightAnswer() : problem("origin_refused");
    else await next();
    // Also if the response has no such field: a cache must not give one origin's response to another.
    c.res.headers.append("Vary", "Origin");
    if (!allowed) return;
    c.res.headers.set("Access-Control-Allow-Origin", origin);
    c.res.headers.set("Access-Control-Expose-Headers", "RateLimit, RateLimit-Policy, Retry-After");
  };
}

function preflightAnswer(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Methods": "GET, POST",
      "Access-Control-Allow-Headers": "Authorization, Content-Type",
      "Access-Control-Max-Age": PREFLIGHT_MAX_AGE_S,
    },
  });
}
