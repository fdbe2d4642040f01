import type { MiddlewareHandler } from "hono";
import type { HttpEnvironment } from "./context.ts";

/** Sets the fields of SEC-P1 on every response, including refusals and errors. */
export const securityHeaders: MiddlewareHandler<HttpEnvironment> = async (c, next) => {
  await next();
  c.res.headers.set("Content-Security-Policy", contentSecurityPolicy(c.req.header("Host")));
  c.res.headers.set("Referrer-Policy", "no-referrer");
  c.res.headers.set("X-Content-Type-Options", "nosniff");
  // For browsers that do not know `frame-ancestors`.
  c.res.headers.set("X-Frame-Options", "DENY");
  c.res.headers.set("Cross-Origin-Opener-Policy", "same-origin");
};

/**
 * Scripts, styles and pictures from this server only, and none inline. Not every browser counts a WebSocket of the same
 * host under `'self'`, so that it is named; `host` is the request's and is left out unless it can be nothing else.
 */
export function contentSecurityPolicy(host: string | undefined): string {
  const sockets =
    host !== undefined && /^[A-Za-z0-9.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${sockets}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}
