import type { MiddlewareHandler } from "hono";
import { type Requester, RequestGuard } from "../../core/access/request-guard.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { BurstRule } from "../../core/session/flood-guard.ts";
import { errorEntry } from "../../protocol/errors.ts";
import { addressGroup, isLoopback } from "../client-address.ts";
import { bearerTokenOf } from "./bearer-token.ts";
import type { HttpContext, HttpEnvironment } from "./context.ts";
import { problem, retryAfterSeconds } from "./problem.ts";

/** Limits the rate of requests by user, key or address (M2). */
export interface Guard {
  /** Resolves when the request may proceed, or with the refusal, which is logged. */
  user(c: HttpContext, user: string): Promise<Response | undefined>;
  key(c: HttpContext, key: string): Promise<Response | undefined>;
  /** As `user`, for a request without a valid credential. Programs and proxies on this machine are exempt. */
  address(c: HttpContext): Promise<Response | undefined>;
}

export function createGuard(rule: BurstRule, { clock, emit }: { clock: Clock; emit: Emit }): Guard {
  const guard = new RequestGuard(rule);
  const check = async (c: HttpContext, requester: Requester): Promise<Response | undefined> => {
    const verdict = guard.acquire(requester, clock.now());
    if (!verdict.allowed) return refused(c, requester, verdict.retryAfter);
    if (verdict.wait === 0) return undefined;
    await delay(clock, verdict.wait);
    guard.release();
    return undefined;
  };
  const refused = (c: HttpContext, { kind, name }: Requester, retryAfter: number): Response => {
    const { address } = c.env;
    emit("limit.requests", { ...(kind !== "address" && { [kind]: name }), address, path: c.req.path });
    const { what, advice } = errorEntry("flooding");
    return problem("flooding", {
      detail: advice,
      headers: { "Retry-After": retryAfterSeconds(retryAfter) },
      extra: { retry_after: retryAfter / 1000, ...(c.req.path === "/token" && oauthError(what)) },
    });
  };
  return {
    user: (c, name) => check(c, { kind: "user", name }),
    key: (c, name) => check(c, { kind: "key", name }),
    async address(c) {
      const { address } = c.env;
      return isLoopback(address) ? undefined : check(c, { kind: "address", name: addressGroup(address) });
    },
  };
}

/** The fields that OAuth 2 libraries read (RFC 6749 §5.2). */
function oauthError(what: string): object {
  return { error: "temporarily_unavailable", error_description: what };
}

function delay(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.every(milliseconds, () => {
      stop();
      resolve();
    });
  });
}

/**
 * Counts a request for its address, unless its path is in `free`, or it has a credential and its path is in `identified`:
 * the routes of those paths count it for the user or API key.
 */
export function guardUnauthenticated(
  guard: Guard,
  free: ReadonlySet<string>,
  identified: (path: string) => boolean,
): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const { path } = c.req;
    if (free.has(path) || (identified(path) && bearerTokenOf(c) !== undefined)) return next();
    return (await guard.address(c)) ?? next();
  };
}
