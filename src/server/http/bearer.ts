import { RETRY_AFTER_FAILURE_MS } from "../../core/access/key-set.ts";
import type { Emit } from "../../core/events/events.ts";
import { type AuthDeps, type AuthFailure, authorize, type Identity } from "../authentication/authenticate.ts";
import { verifyToken } from "../authentication/tokens.ts";
import type { VerifiedToken } from "../authentication/verified-token.ts";
import { bearerTokenOf } from "./bearer-token.ts";
import type { HttpContext } from "./context.ts";
import { problem, retryAfterSeconds } from "./problem.ts";
import { refuseQuery } from "./query/refuse-query.ts";
import type { Guard } from "./request-guard.ts";

export interface BearerDeps extends AuthDeps {
  readonly emit: Emit;
  readonly guard: Guard;
}

/** The sender of a request, and the token that authenticates the sender. */
export interface Bearer {
  readonly identity: Identity;
  readonly token: VerifiedToken;
}

/** Returns the sender of a request by its token, or the refusal, which is logged: of the token, or of fields of the query. */
export async function authenticateBearer(deps: BearerDeps, c: HttpContext): Promise<Bearer | Response> {
  const { address, demoUse } = c.env;
  const bearer = bearerTokenOf(c);
  if (bearer === undefined) {
    deps.emit("request.refused", { address, path: c.req.path, code: "unauthorized" });
    return problem("unauthorized", {
      detail: "Send the token in the field `Authorization: Bearer <token>`.",
      headers: { "WWW-Authenticate": "Bearer" },
    });
  }
  const verdict = await verifyToken(deps.keys, bearer, deps.clock.wall(), deps.clock.latest());
  if (!verdict.ok) return (await deps.guard.address(c)) ?? refuse(deps, c, verdict.code, verdict.reason);
  // The rate is limited before the store is read.
  const flooding = await deps.guard.user(c, verdict.token.subject);
  if (flooding !== undefined) return flooding;
  const identity = await authorize(deps, verdict.token, demoUse);
  if ("refusal" in identity) {
    const { code, message, user } = identity.refusal;
    return refuse(deps, c, code, message, user);
  }
  const wrong = refuseQuery(deps.emit, c, { address, user: identity.user });
  if (wrong !== undefined) return wrong;
  return { identity, token: verdict.token };
}

function refuse(
  { emit }: BearerDeps,
  c: HttpContext,
  code: AuthFailure["code"],
  message: string,
  user?: string,
): Response {
  emit("request.refused", { address: c.env.address, path: c.req.path, user, code, reason: message });
  // Not 401, because no other token can be checked now either.
  if (code === "unavailable") {
    return problem(code, {
      detail: message,
      headers: { "Retry-After": retryAfterSeconds(RETRY_AFTER_FAILURE_MS) },
    });
  }
  // Not 401, because the account is refused and another token would not help (RFC 6750 §3.1).
  if (code === "forbidden") return problem(code, { detail: message });
  return problem(code, { detail: message, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
}
