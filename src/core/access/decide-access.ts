import type { Account } from "../ports/accounts.ts";
import type { DemoUse } from "./demo-accounts.ts";
import { type Plan, type PlanTable, planNamed } from "./plans.ts";

export interface AccessRequest {
  /** The user that the token names. */
  readonly subject: string;
  /** The user in the address, if it contains one. */
  readonly requestedUser?: string;
  /** The subject's account as the store has it now; undefined for a user of an application that signs its own tokens. */
  readonly account: Account | undefined;
  /** The token's `plan` claim. */
  readonly claimedPlan?: string;
  /** The token's `account` claim: when the account that it was made for was created. */
  readonly madeForAccount?: number;
  readonly plans: PlanTable;
  /** Whether the client may use accounts with the published password; core/access/demo-accounts.ts decides it. */
  readonly demoUse: DemoUse;
}

/** A refusal's `message` is for the refused user. */
export type Access =
  /** `missingPlan` is a named plan that is not in the table; `plan` is used instead. */
  | { readonly plan: Plan; readonly missingPlan?: string }
  | {
      readonly refusal: { readonly code: "forbidden" | "token_revoked"; readonly message: string };
    };

/**
 * Decides what a signed-in user may open, and under which plan (SEC-T6, W3).
 *
 * The account takes precedence over the token: its plan counts and not the claim, and a disabled account is refused also with
 * a valid token.
 */
export function decideAccess(request: AccessRequest): Access {
  const { subject, requestedUser, account, claimedPlan, madeForAccount, plans, demoUse } = request;
  if (requestedUser !== undefined && requestedUser !== subject)
    return forbidden(`This token is for \`${subject}\`; it cannot open the address of \`${requestedUser}\`.`);
  // A token ends with the account that it was issued for: a later account with the same name is another user.
  if (madeForAccount !== undefined && account?.createdAt !== madeForAccount)
    return { refusal: { code: "token_revoked", message: `The account \`${subject}\` was removed.` } };
  if (account === undefined) return accessUnderPlan(plans, claimedPlan);
  if (account.disabled)
    return forbidden(`The account \`${subject}\` is disabled; an operator can enable it.`);
  // Its password is published: from an address that other machines can reach, any client could sign in with it.
  if (account.demo && demoUse !== "usable")
    return forbidden(
      demoUse === "off"
        ? `The account \`${subject}\` is a demo account, and demo accounts are switched off on this server (DEMO_ACCOUNTS).`
        : `The account \`${subject}\` is a demo account, and this server does not accept these from your network address (DEMO_ACCOUNTS).`,
    );
  return accessUnderPlan(plans, account.plan);
}

function accessUnderPlan(plans: PlanTable, name: string | undefined): Access {
  const plan = planNamed(plans, name);
  return name === undefined || plans.plans.has(name) ? { plan } : { plan, missingPlan: name };
}

function forbidden(message: string): Access {
  return { refusal: { code: "forbidden", message } };
}
