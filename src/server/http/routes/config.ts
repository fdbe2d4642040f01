import type { Account, AccountStore } from "../../../core/ports/accounts.ts";
import { DEMO_ACCOUNTS } from "../../authentication/demo-accounts.ts";
import type { FaultInjector } from "../../faults/route.ts";
import type { HttpContext } from "../context.ts";

export interface ConfigRouteDeps {
  readonly accounts: Pick<AccountStore, "find">;
  /** Seconds. */
  readonly inactivityTimeout: number;
  readonly version: string;
  /** Injects faults on request; undefined if TEST_FAULTS is off. */
  readonly faults?: FaultInjector | undefined;
}

/**
 * `GET /config.json`: the settings that the console needs before a user has signed in. It contains no others, because it is
 * public.
 */
export function configRoute(deps: ConfigRouteDeps): (c: HttpContext) => Promise<Response> {
  return async ({ env }) => {
    const body = {
      demo: env.demoUse === "usable" ? await demoAccounts(deps) : [],
      inactivity: { timeout: deps.inactivityTimeout },
      version: deps.version,
      faults: deps.faults !== undefined && env.faultsUsable,
    };
    return Response.json(body, { headers: { "Cache-Control": "no-store" } });
  };
}

async function demoAccounts(deps: ConfigRouteDeps): Promise<{ user: string; plan: string }[]> {
  const found = await Promise.all(DEMO_ACCOUNTS.map(({ user }) => deps.accounts.find(user)));
  return found
    .filter((account): account is Account => account?.demo === true && !account.disabled)
    .map(({ user, plan }) => ({ user, plan }));
}
