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
 * Allows scripts, styles and pictures of this server only, and none inline. In some browsers `'self'` does not include a
 * WebSocket of the same host, so the policy names it. `host` is that of the request. It is left out if it contains characters
 * that host names do not have, so that it cannot add a directive.
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
