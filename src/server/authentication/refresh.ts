import { createHash, randomBytes } from "node:crypto";
import { decideAccess } from "../../core/access/decide-access.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Plan, PlanTable } from "../../core/access/plans.ts";
import { decideRefresh, MAX_LIVE_TOKENS, type RefreshFamily } from "../../core/access/refresh-rotation.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Account, AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RefreshTokenStore } from "../../core/ports/refresh-tokens.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { TokenKeys } from "./keys.ts";
import { signToken } from "./tokens.ts";

export interface RefreshDeps {
  readonly accounts: Pick<AccountStore, "find">;
  readonly refreshTokens: RefreshTokenStore;
  readonly revocations: Pick<RevocationStore, "isRevoked">;
  readonly keys: TokenKeys;
  readonly plans: PlanTable;
  /** The lifetime of an unused refresh token, in seconds. */
  readonly refreshLifetime: number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** `expiresIn` is in seconds. */
export interface IssuedRefreshToken {
  readonly token: string;
  readonly expiresIn: number;
}

export type RefreshResult =
  | {
      readonly outcome: "refreshed";
      readonly token: string;
      readonly expiresIn: number;
      readonly refresh: IssuedRefreshToken;
      readonly user: string;
      readonly plan: Plan;
    }
  /** Unknown, expired, used before or signed out. The client must sign in again, and does not learn the reason. */
  | { readonly outcome: "invalid" }
  | { readonly outcome: "forbidden"; readonly message: string }
  /** `retryAfter` is in milliseconds. */
  | { readonly outcome: "throttled"; readonly retryAfter: number };

const FAMILY_BYTES = 16;
const SECRET_BYTES = 16;

/**
 * The most attempts of one request. Requests that use one token at the same time compete: only one change of the family
 * succeeds, and the others try again. After MAX_LIVE_TOKENS faster requests the decision is `too_soon`, so the further
 * attempts are needed only for changes of another kind.
 */
const MAX_ATTEMPTS = MAX_LIVE_TOKENS + 8;

/** The `retryAfter` of a request that failed in all its attempts, in milliseconds. */
const CONFLICT_RETRY_MS = 1_000;

/** Begins a family for a user who has just signed in, and returns its first token. */
export async function beginRefresh(
  { refreshTokens, refreshLifetime, clock }: RefreshDeps,
  account: Account,
): Promise<IssuedRefreshToken> {
  const id = randomBytes(FAMILY_BYTES).toString("base64url");
  const token = tokenOf(id);
  const now = clock.wall();
  await refreshTokens.add({
    id,
    user: account.user,
    account: account.createdAt,
    signedInAt: now,
    expiresAt: now + refreshLifetime * 1000,
    tokens: [{ hash: hashOf(token), issuedAt: now }],
  });
  return { token, expiresIn: refreshLifetime };
}

export interface RefreshRequest {
  readonly token: string;
  /** Network address of the client. */
  readonly address: string;
  /** Whether the client may use a demo account. */
  readonly demoUse: DemoUse;
}

/** Exchanges a refresh token for a token and the next refresh token. */
export async function refresh(
  deps: RefreshDeps,
  { token, address, demoUse }: RefreshRequest,
): Promise<RefreshResult> {
  const { refreshTokens, refreshLifetime, clock, emit } = deps;
  // With a lifetime of 0 refresh tokens are switched off, and earlier ones are refused too.
  const id = refreshLifetime > 0 ? familyIdOf(token) : undefined;
  for (let attempt = 0; id !== undefined; attempt++) {
    // The token may be valid, so the client must retry and not sign in again.
    if (attempt === MAX_ATTEMPTS) {
      emit("refresh.throttled", { address, retry_after: CONFLICT_RETRY_MS / 1000 });
      return { outcome: "throttled", retryAfter: CONFLICT_RETRY_MS };
    }
    const family = await refreshTokens.find(id);
    if (family === undefined) break;
    const successor = tokenOf(id);
    const decision = decideRefresh(family, {
      presented: hashOf(token),
      successor: hashOf(successor),
      lifetime: refreshLifetime * 1000,
      now: clock.wall(),
    });
    const logFields = { user: family.user, address };
    if (decision.outcome === "reused") {
      emit("refresh.reused", logFields);
      await refreshTokens.remove(id, family.user);
      break;
    }
    if (decision.outcome === "expired") break;
    if (decision.outcome === "too_soon") {
      emit("refresh.throttled", { ...logFields, retry_after: decision.retryAfter / 1000 });
      return { outcome: "throttled", retryAfter: decision.retryAfter };
    }
    const account = await accountOf(deps, family);
    if (account === undefined) {
      await refreshTokens.remove(id, family.user);
      break;
    }
    const access = decideAccess({ plans: deps.plans, demoUse, subject: account.user, account });
    if ("refusal" in access) {
      emit("refresh.refused", { ...logFields, code: access.refusal.code });
      return { outcome: "forbidden", message: access.refusal.message };
    }
    if (!(await refreshTokens.replace(family, decision.family))) continue;
    emit("refresh.succeeded", { ...logFields, plan: access.plan.name });
    return {
      outcome: "refreshed",
      token: await signToken(deps.keys, {
        subject: account.user,
        account: account.createdAt,
        now: clock.wall(),
      }),
      expiresIn: deps.keys.lifetime,
      refresh: { token: successor, expiresIn: refreshLifetime },
      user: account.user,
      plan: access.plan,
    };
  }
  emit("refresh.failed", { address });
  return { outcome: "invalid" };
}

/** Returns the account of the family's sign-in, if it still exists and the family was not revoked. */
async function accountOf(
  { accounts, revocations }: RefreshDeps,
  { id, user, account: createdAt, signedInAt }: RefreshFamily,
): Promise<Account | undefined> {
  const account = await accounts.find(user);
  if (account === undefined || account.createdAt !== createdAt) return undefined;
  // A revocation applies to a family as to a token that was issued at the sign-in.
  const revoked = await revocations.isRevoked({ id, subject: user, issuedAt: signedInAt });
  return revoked ? undefined : account;
}

/** Returns the id of the family in a refresh token; undefined for a malformed token. */
export function familyIdOf(token: string): string | undefined {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length !== FAMILY_BYTES + SECRET_BYTES || bytes.toString("base64url") !== token) return undefined;
  return bytes.subarray(0, FAMILY_BYTES).toString("base64url");
}

function tokenOf(family: string): string {
  return Buffer.concat([Buffer.from(family, "base64url"), randomBytes(SECRET_BYTES)]).toString("base64url");
}

/** The secret has 128 random bits, too many to try, so the hash needs no salt and need not be slow. */
function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
