import { FAILURE_PAUSE } from "../../core/key-set.ts";
import {
  type IdentifyParts,
  type Identity,
  type IdentityRefusal,
  permit,
} from "../authentication/identify.ts";
import { type VerifiedToken, verifyToken } from "../authentication/tokens.ts";
import type { Log } from "../log.ts";
import type { HttpContext } from "./environment.ts";
import { problem, retryAfterSeconds } from "./problem.ts";
import type { Guard } from "./request-guard.ts";

export interface BearerParts extends IdentifyParts {
  readonly log: Log;
  readonly guard: Guard;
}

/** Who sent a request, and the token that proves it. */
export interface Bearer {
  readonly identity: Identity;
  readonly token: VerifiedToken;
}

/** What stands in `Authorization: Bearer …`; undefined where nothing does, or more than one thing. */
export function bearerOf(c: HttpContext): string | undefined {
  return /^Bearer +([^\s,]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
}

/** Finds out who sent a request by its token, or answers the refusal, which is logged. */
export async function identifyBearer(parts: BearerParts, c: HttpContext): Promise<Bearer | Response> {
  const { address, demoUse } = c.env;
  const bearer = bearerOf(c);
  if (bearer === undefined) {
    parts.log.warn("request.refused", { address, path: c.req.path, code: "unauthorized" });
    return problem("unauthorized", {
      detail: "Send the token in the field `Authorization: Bearer <token>`.",
      headers: { "WWW-Authenticate": "Bearer" },
    });
  }
  const verdict = await verifyToken(parts.keys, bearer, parts.clock.wall(), parts.clock.latest());
  if (!verdict.ok) return (await parts.guard.stranger(c)) ?? refuse(parts, c, verdict.code, verdict.reason);
  // Before anything is asked of the store.
  const flooding = await parts.guard.user(c, verdict.token.subject);
  if (flooding !== undefined) return flooding;
  const identity = await permit(parts, verdict.token, demoUse);
  if ("refusal" in identity) {
    const { code, message, user } = identity.refusal;
    return refuse(parts, c, code, message, user);
  }
  return { identity, token: verdict.token };
}

function refuse(
  { log }: BearerParts,
  c: HttpContext,
  code: IdentityRefusal["code"],
  message: string,
  user?: string,
): Response {
  log.warn("request.refused", { address: c.env.address, path: c.req.path, user, code, reason: message });
  // Another token would not help: whether this one is good cannot be known now.
  if (code === "unavailable") {
    return problem(code, { detail: message, headers: { "Retry-After": retryAfterSeconds(FAILURE_PAUSE) } });
  }
  // 403 is about the account; another token would not help (RFC 6750 §3.1).
  if (code === "forbidden") return problem(code, { detail: message });
  return problem(code, { detail: message, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
}
