import type { AccountStore } from "../../core/accounts.ts";
import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../../core/engine.ts";
import { decideAccess } from "../../core/permissions.ts";
import type { PlanTable } from "../../core/plans.ts";
import type { TokenKeys } from "../authentication/keys.ts";
import { verifyToken } from "../authentication/tokens.ts";
import type { Log } from "../log.ts";
import type { HttpContext } from "./environment.ts";
import { problem } from "./problem.ts";
import { rateLimitFields } from "./rate-limit-fields.ts";

export interface MeParts {
  readonly accounts: Pick<AccountStore, "find">;
  readonly engine: Pick<Engine, "quota">;
  readonly keys: TokenKeys;
  readonly plans: PlanTable;
  readonly demoAccountsUsable: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** `GET /me`: who the bearer is, under which plan, and what is left of it. Asking is free. */
export function meRoute(parts: MeParts): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { accounts, engine, keys, clock, log } = parts;
    const { address } = c.env;
    const bearer = /^Bearer +([^\s,]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
    if (bearer === undefined) {
      log.warn("request.refused", { address, code: "unauthorized" });
      return problem("unauthorized", {
        detail: "Send the token in the field `Authorization: Bearer <token>`.",
        headers: { "WWW-Authenticate": "Bearer" },
      });
    }
    const verdict = await verifyToken(keys, bearer, clock.now());
    if (!verdict.ok) {
      log.warn("request.refused", { address, code: verdict.code, reason: verdict.reason });
      return problem(verdict.code, {
        detail: verdict.reason,
        headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
      });
    }
    const { subject, plan: claimedPlan } = verdict.token;
    const account = await accounts.find(subject);
    const claim = claimedPlan === undefined ? {} : { claimedPlan };
    const access = decideAccess({ ...parts, subject, account, ...claim });
    if ("refusal" in access) {
      log.warn("request.refused", { address, user: subject, code: access.refusal.code });
      return problem(access.refusal.code, { detail: access.refusal.message });
    }
    const { plan } = access;
    const quota = await engine.quota(subject, plan.requestsPerHour);
    const body = { user: subject, plan: plan.name, quota, connections_limit: plan.connections };
    return Response.json(body, {
      headers: { "Cache-Control": "no-store", ...rateLimitFields(quota, plan.name) },
    });
  };
}
