import { decideAccess } from "../../core/access/decide-access.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Grants } from "../../core/access/grants.ts";
import type { Plan, PlanTable } from "../../core/access/plans.ts";
import type { Emit } from "../../core/events/events.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { TokenKeys } from "./keys.ts";
import { verifyToken } from "./tokens.ts";
import type { VerifiedToken } from "./verified-token.ts";

export interface AuthDeps {
  readonly accounts: Pick<AccountStore, "find">;
  readonly revocations: Pick<RevocationStore, "isRevoked">;
  readonly keys: TokenKeys;
  readonly plans: PlanTable;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** The most characters of a plan in the log: a claim may be as long as a token. */
const MAX_LOGGED_PLAN_LENGTH = 64;

/** The user, and the grants of the credential. Times are in milliseconds since 1970. */
export interface Identity {
  readonly user: string;
  readonly plan: Plan;
  readonly grants: Grants;
  /** The token's `jti`, by which it is revoked. */
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** `message` is a sentence for the client and the log. */
export interface AuthFailure {
  readonly code: Extract<
    ErrorCode,
    "unauthorized" | "token_expired" | "token_revoked" | "forbidden" | "unavailable"
  >;
  readonly message: string;
  readonly user?: string;
}

export type AuthResult = Identity | { readonly refusal: AuthFailure };

/**
 * Returns the user of a token with the present plan and rights, or the refusal. The account in the store decides, and not
 * the claims at the time of signing (SEC-T6). `requestedUser` is the user in the requested address (W3); `demoUse` is that of
 * the client.
 */
export async function authenticate(
  deps: AuthDeps,
  token: string,
  demoUse: DemoUse,
  requestedUser?: string,
): Promise<AuthResult> {
  const verdict = await verifyToken(deps.keys, token, deps.clock.wall(), deps.clock.latest());
  if (!verdict.ok) return { refusal: { code: verdict.code, message: verdict.reason } };
  return authorize(deps, verdict.token, demoUse, requestedUser);
}

/** Returns the present rights of the holder of a genuine token, or why it is refused. */
export async function authorize(
  deps: AuthDeps,
  token: VerifiedToken,
  demoUse: DemoUse,
  requestedUser?: string,
): Promise<AuthResult> {
  const { subject, plan: claimedPlan, account: madeForAccount } = token;
  // Both are read last and together. No wait follows, so a later change reaches the caller through `watch`, and none is missed
  // in between.
  const [account, isRevoked] = await Promise.all([
    deps.accounts.find(subject),
    deps.revocations.isRevoked(token),
  ]);
  const access = decideAccess({
    subject,
    account,
    plans: deps.plans,
    demoUse,
    ...(requestedUser !== undefined && { requestedUser }),
    ...(claimedPlan !== undefined && { claimedPlan }),
    ...(madeForAccount !== undefined && { madeForAccount }),
  });
  if ("refusal" in access) return { refusal: { ...access.refusal, user: subject } };
  if (isRevoked) return { refusal: { code: "token_revoked", message: REVOKED, user: subject } };
  if (access.missingPlan !== undefined) {
    const plan = access.missingPlan.slice(0, MAX_LOGGED_PLAN_LENGTH);
    deps.emit("plan.unknown", { user: subject, plan, fallback: access.plan.name });
  }
  const { grants, id: tokenId, issuedAt, expiresAt } = token;
  return { user: subject, plan: access.plan, grants, tokenId, issuedAt, expiresAt };
}

/** The message for a revoked token, in a handshake, on an open socket and over HTTP. */
export const REVOKED = "The token was revoked; sign in again.";
