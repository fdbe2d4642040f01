import type { Engine } from "../../core/engine.ts";
import { type IdentifyParts, identify } from "../authentication/identify.ts";
import type { Log } from "../log.ts";
import type { HttpContext } from "./environment.ts";
import { problem } from "./problem.ts";
import { rateLimitFields } from "./rate-limit-fields.ts";

export interface MeParts extends IdentifyParts {
  readonly engine: Pick<Engine, "quota">;
  readonly log: Log;
}

/** `GET /me`: who the bearer is, under which plan, and what is left of it. Asking is free. */
export function meRoute(parts: MeParts): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { engine, log } = parts;
    const { address } = c.env;
    const bearer = /^Bearer +([^\s,]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
    if (bearer === undefined) {
      log.warn("request.refused", { address, code: "unauthorized" });
      return problem("unauthorized", {
        detail: "Send the token in the field `Authorization: Bearer <token>`.",
        headers: { "WWW-Authenticate": "Bearer" },
      });
    }
    const identity = await identify(parts, bearer);
    if ("refusal" in identity) {
      const { code, message, user } = identity.refusal;
      log.warn("request.refused", { address, user, code, reason: message });
      // 403 is about the account; another token would not help (RFC 6750 §3.1).
      if (code === "forbidden") return problem(code, { detail: message });
      const headers = { "WWW-Authenticate": 'Bearer error="invalid_token"' };
      return problem(code, { detail: message, headers });
    }
    const { user, plan } = identity;
    const quota = await engine.quota(user, plan.requestsPerHour);
    const body = { user, plan: plan.name, quota, connections_limit: plan.connections };
    return Response.json(body, {
      headers: { "Cache-Control": "no-store", ...rateLimitFields(quota, plan.name) },
    });
  };
}
