import type { MiddlewareHandler } from "hono";
import type { Emit } from "../../core/events/events.ts";
import { type FaultRefusal, type FaultRequest, readFaultRequest } from "../../core/faults.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { authenticateBearer, type BearerDeps } from "../http/bearer.ts";
import { readText } from "../http/body.ts";
import type { HttpContext, HttpEnvironment } from "../http/context.ts";
import { problem } from "../http/problem.ts";

/** The result of a request for a fault. */
export type FaultResult =
  | { readonly refusal: FaultRefusal }
  | { readonly quota?: Quota; readonly token?: string; readonly refusal?: never };

/** Injects faults into connections of the user who requests them. */
export interface FaultInjector {
  /** Injects a fault into a connection of `user`, or returns why not. */
  inject(user: string, request: FaultRequest): Promise<FaultResult>;
}

export interface FaultRouteDeps extends BearerDeps {
  readonly faults: FaultInjector;
}

/** This route exists only while TEST_FAULTS is on. */
export const FAULTS_PATH = "/test/faults";

/** TEST_FAULTS=true is for clients on this machine only. A client behind a proxy on this machine counts as remote. */
export function localOnly(emit: Emit): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const { address, faultsUsable } = c.env;
    if (faultsUsable) return next();
    const reason =
      "TEST_FAULTS=true is for users of the server's own machine, not through a proxy; `public` is for all.";
    emit("request.refused", { address, path: c.req.path, code: "forbidden", reason });
    return problem("forbidden", { detail: reason });
  };
}

/**
 * `POST /test/faults`: injects a fault into one connection of the token's user. Returns the fault as it was understood, for
 * `fill_quota` also the quota after it, and for `expired_token` the token.
 */
export function faultRoute({ faults, ...parts }: FaultRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const bearer = await authenticateBearer(parts, c);
    if (bearer instanceof Response) return bearer;
    const { user } = bearer.identity;
    const text = await readText(parts.emit, c);
    if (text instanceof Response) return text;
    const read = readFaultRequest(text);
    const answer: FaultResult = "refusal" in read ? read : await faults.inject(user, read.request);
    if (answer.refusal !== undefined) {
      const { code, message } = answer.refusal;
      parts.emit("request.invalid", { address: c.env.address, path: c.req.path, user, code });
      return problem(code, {
        detail: message,
        ...(code === "unavailable" && { headers: { "Retry-After": "1" } }),
      });
    }
    const body = { ...("request" in read ? read.request : {}), ...answer };
    return Response.json(body, { headers: { "Cache-Control": "no-store" } });
  };
}
