// What a request of the operator makes of an account.
import type { Account, AccountChange } from "../ports/accounts.ts";

/** An account as a request names it; what is missing stays as it is. */
export interface AccountRequest {
  readonly plan?: string | undefined;
  readonly disabled?: boolean | undefined;
  /** The hash of the new password; null for no password, with which nobody can sign in. */
  readonly passwordHash?: string | null | undefined;
}

/** `signOut`: the tokens that were issued until now must be revoked, because they were given for another password. */
export interface AccountDecision {
  readonly change: AccountChange;
  readonly signOut: boolean;
}

/** The account that a request makes where there is none. */
export function newAccount(
  user: string,
  { plan, disabled = false, passwordHash }: AccountRequest,
  { now, defaultPlan }: { readonly now: number; readonly defaultPlan: string },
): Account {
  return {
    user,
    plan: plan ?? defaultPlan,
    disabled,
    passwordHash: passwordHash ?? "",
    demo: false,
    createdAt: now,
  };
}

/** Decides what a request changes in an account; undefined where all is so already. */
export function decideAccountChange(account: Account, request: AccountRequest): AccountDecision | undefined {
  const { plan = account.plan, disabled = account.disabled } = request;
  const { passwordHash = account.passwordHash } = request;
  const hash = passwordHash ?? "";
  const signOut = hash !== account.passwordHash;
  const change = {
    ...(plan !== account.plan && { plan }),
    ...(disabled !== account.disabled && { disabled }),
    // An account with its own password is no longer a demo account, and may sign in on a public address.
    ...(signOut && { passwordHash: hash, demo: false }),
  };
  return Object.keys(change).length === 0 ? undefined : { change, signOut };
}

/** The names of the fields that a change concerns, as requests and the log write them. */
export function changedFields({ plan, disabled, passwordHash }: AccountChange): string[] {
  const named = { plan, disabled, password: passwordHash };
  return Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
