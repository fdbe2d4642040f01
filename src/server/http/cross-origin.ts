import type { MiddlewareHandler } from "hono";
import type { HttpEnvironment } from "./context.ts";
import { problem } from "./problem.ts";

/** The paths that pages of ALLOWED_ORIGINS may use with any method, and not only read. */
export const CROSS_ORIGIN_PATHS = [
  "/token",
  "/me",
  "/inbox",
  "/logout",
  "/ticket",
  "/messages",
  "/conversations",
  "/conversations/*",
];

/** How long a browser may cache a preflight response, in seconds. */
const PREFLIGHT_MAX_AGE_S = "600";

/**
 * Allows pages of the listed origins to read responses (W2), as they may open sockets. The response names the exact origin
 * and never `*`. The one cookie is the console's own (routes/console-session.ts), so
 * `Access-Control-Allow-Credentials` is never set.
 */
export function crossOrigin(listed: readonly string[]): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const origin = c.req.header("Origin");
    const allowed = origin !== undefined && listed.includes(origin.toLowerCase());
    const preflight = c.req.method === "OPTIONS" && c.req.header("Access-Control-Request-Method");
    if (origin !== undefined && preflight) c.res = allowed ? preflightAnswer() : problem("origin_refused");
    else await next();
    // Set also if the response has no CORS field: a cache must not give one origin's response to another origin.
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
      "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
      "Access-Control-Allow-Headers": "Authorization, Content-Type",
      "Access-Control-Max-Age": PREFLIGHT_MAX_AGE_S,
    },
  });
}
