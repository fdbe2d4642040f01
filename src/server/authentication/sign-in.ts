import { decideAccess } from "../../core/access/decide-access.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Plan, PlanTable } from "../../core/access/plans.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Account, AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { ThrottleStore } from "../../core/ports/throttle.ts";
import { isIdentifier } from "../../protocol/identifiers.ts";
import { addressGroup } from "../client-address.ts";
import type { TokenKeys } from "./keys.ts";
import type { Passwords } from "./passwords.ts";
import type { IssuedRefreshToken } from "./refresh.ts";
import { signToken } from "./tokens.ts";

export interface SignInDeps {
  readonly accounts: Pick<AccountStore, "find" | "update">;
  readonly passwords: Passwords;
  readonly throttle: ThrottleStore;
  readonly keys: TokenKeys;
  readonly plans: PlanTable;
  /** Issues a refresh token for an account; undefined where refresh tokens are switched off. */
  readonly beginRefresh?: ((account: Account) => Promise<IssuedRefreshToken>) | undefined;
  readonly clock: Clock;
  readonly emit: Emit;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Network address of the client. */
  readonly address: string;
  /** Whether the client may use a demo account. */
  readonly demoUse?: DemoUse;
  /** Whether a refresh token is wanted, too. */
  readonly offline?: boolean;
}

/** `retryAfter` is in milliseconds, `expiresIn` in seconds. */
export type SignInResult =
  | {
      readonly outcome: "signed_in";
      readonly token: string;
      readonly expiresIn: number;
      readonly refresh?: IssuedRefreshToken;
      readonly user: string;
      readonly plan: Plan;
    }
  /** Unknown user or wrong password; the client does not learn which. */
  | { readonly outcome: "wrong" }
  /** The password was right, but the account may not be used; `message` says why. */
  | { readonly outcome: "forbidden"; readonly message: string }
  | { readonly outcome: "throttled"; readonly retryAfter: number }
  | { readonly outcome: "busy"; readonly retryAfter: number };

/** The `retryAfter` for a full queue, in milliseconds: enough time for several waiting checks. */
const BUSY_RETRY_MS = 2_000;

/** Signs a user in: throttle, account, password, permission, token. In this order, a refused guess costs the server little work. */
export async function signIn(deps: SignInDeps, credentials: Credentials): Promise<SignInResult> {
  const { accounts, passwords, throttle, clock, emit } = deps;
  const { username, password, address, demoUse = "elsewhere" } = credentials;
  // A name without an account may be a password in the wrong field, and must not be logged.
  const logFields = (known: boolean) => (known ? { user: username, address, known } : { address, known });
  const group = addressGroup(address);

  const decision = await throttle.attempt(username, group);
  if (!decision.allowed) {
    // The account was not looked up yet. But a throttled name was tried often, so it is hardly a mistyped password.
    const named = decision.rule !== "address" && isIdentifier(username) && { user: username };
    emit("signin.throttled", {
      ...named,
      address,
      rule: decision.rule,
      retry_after: decision.retryAfter / 1000,
    });
    return { outcome: "throttled", retryAfter: decision.retryAfter };
  }

  let account: Account | undefined;
  let verification: Awaited<ReturnType<Passwords["verify"]>>;
  try {
    account = isIdentifier(username) ? await accounts.find(username) : undefined;
    verification = await passwords.verify(password, account?.passwordHash);
  } catch (error) {
    await throttle.cancelled(username, group);
    throw error;
  }
  if (verification.outcome === "busy") {
    await throttle.cancelled(username, group);
    emit("signin.busy", logFields(account !== undefined));
    return { outcome: "busy", retryAfter: BUSY_RETRY_MS };
  }
  if (verification.outcome === "wrong" || account === undefined) {
    await throttle.failed(username, group);
    emit("signin.failed", logFields(account !== undefined));
    return { outcome: "wrong" };
  }
  await throttle.succeeded(username, group);

  const access = decideAccess({ plans: deps.plans, demoUse, subject: account.user, account });
  if ("refusal" in access) {
    emit("signin.refused", { user: account.user, address, code: access.refusal.code });
    return { outcome: "forbidden", message: access.refusal.message };
  }
  if (verification.outcome === "right" && verification.outdated) await renewHash(deps, account, password);
  // Without a `plan` claim: the account's plan is read from the store when a connection opens (SEC-T6).
  const token = await signToken(deps.keys, {
    subject: account.user,
    account: account.createdAt,
    now: clock.wall(),
  });
  const refresh = credentials.offline ? await deps.beginRefresh?.(account) : undefined;
  emit("signin.succeeded", {
    user: account.user,
    address,
    plan: access.plan.name,
    ...(refresh && { refresh: true }),
  });
  return {
    outcome: "signed_in",
    token,
    expiresIn: deps.keys.lifetime,
    ...(refresh && { refresh }),
    user: account.user,
    plan: access.plan,
  };
}

/**
 * Replaces a hash of an older cost, or of a password that was not prepared (SEC-S1). A failure does not affect the sign-in;
 * the next sign-in tries again.
 */
async function renewHash(deps: SignInDeps, account: Account, password: string): Promise<void> {
  const { accounts, passwords, emit } = deps;
  try {
    const hashing = await passwords.hash(password);
    if (hashing.outcome === "busy") return;
    // The password may have been changed while the new hash was made; that change must not be undone.
    const current = await accounts.find(account.user);
    if (current?.passwordHash !== account.passwordHash) return;
    await accounts.update(account.user, { passwordHash: hashing.hash });
    emit("password.rehashed", { user: account.user });
  } catch (error) {
    emit("password.rehash_failed", { user: account.user, error: String(error) });
  }
}
