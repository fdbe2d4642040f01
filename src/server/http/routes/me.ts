import type { Quotas } from "../../../core/ports/message-log.ts";
import { authenticateBearer, type BearerDeps } from "../bearer.ts";
import type { HttpContext } from "../context.ts";
import { rateLimitFields } from "../rate-limit-fields.ts";

export interface MeRouteDeps extends BearerDeps {
  readonly engine: Quotas;
}

/** `GET /me`: the user, the plan, and the rest of its quota. The request is free. */
export function meRoute(deps: MeRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const bearer = await authenticateBearer(deps, c);
    if (bearer instanceof Response) return bearer;
    const { user, plan } = bearer.identity;
    const quota = await deps.engine.quota(user, plan.requestsPerHour);
    const body = { user, plan: plan.name, quota, connections_limit: plan.connections };
    return Response.json(body, {
      headers: { "Cache-Control": "no-store", ...rateLimitFields(quota, plan.name) },
    });
  };
}
