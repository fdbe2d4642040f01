import { decideAccess } from "../../core/access/decide-access.ts";
import type { PlanTable } from "../../core/access/plans.ts";
import type { Emit } from "../../core/events/events.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import { closeReason } from "../../core/session/close-reason.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";

export interface AccountWatchDeps {
  readonly accounts: Pick<AccountStore, "watch">;
  readonly registry: ConnectionRegistry<Connection>;
  readonly plans: PlanTable;
  readonly emit: Emit;
  /** Ends the open streams of a user who may not write any more (ST3). */
  readonly refuseStreams: (user: string) => void;
}

/**
 * Applies changes of accounts to open connections (SEC-T6): another plan counts at once, a removed account closes them.
 * Each change causes an event, wherever it was made.
 */
export function watchAccounts(deps: AccountWatchDeps): () => void {
  const { accounts, registry, plans, emit, refuseStreams } = deps;
  return accounts.watch((user, account) => {
    if (account === undefined || account.disabled) refuseStreams(user);
    if (account === undefined) emit("account.removed", { user });
    else emit("account.changed", { user, plan: account.plan, disabled: account.disabled });
    for (const connection of registry.ofUser(user)) {
      if (account === undefined) {
        connection.end(
          closeReason(4401, { code: "token_revoked", message: `The account \`${user}\` was removed.` }),
        );
        continue;
      }
      const { demoUse } = connection;
      const access = decideAccess({ subject: user, account, plans, demoUse });
      if ("refusal" in access) connection.end(closeReason(4403, access.refusal));
      else connection.plan = access.plan;
    }
  });
}
