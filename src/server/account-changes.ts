import type { AccountStore } from "../core/accounts.ts";
import { endingFor } from "../core/closing.ts";
import { decideAccess } from "../core/permissions.ts";
import type { PlanTable } from "../core/plans.ts";
import type { Log } from "./log.ts";
import type { Connection } from "./socket/connection.ts";
import type { Directory } from "./socket/directory.ts";

export interface AccountChangeParts {
  readonly accounts: Pick<AccountStore, "watch">;
  readonly directory: Directory<Connection>;
  readonly plans: PlanTable;
  readonly log: Pick<Log, "info">;
}

/**
 * Carries changes of accounts to open sockets (T6): another plan counts at once, a lost account ends them. Each change
 * leaves a line in the log, wherever it was made.
 */
export function watchAccounts(parts: AccountChangeParts): () => void {
  const { accounts, directory, plans, log } = parts;
  return accounts.watch((user, account) => {
    if (account === undefined) log.info("account.removed", { user });
    else log.info("account.changed", { user, plan: account.plan, disabled: account.disabled });
    for (const connection of directory.of(user)) {
      if (account === undefined) {
        connection.end(
          endingFor(4401, { code: "token_revoked", message: `The account \`${user}\` was removed.` }),
        );
        continue;
      }
      const { demoUse } = connection;
      const access = decideAccess({ subject: user, account, plans, demoUse });
      if ("refusal" in access) connection.end(endingFor(4403, access.refusal));
      else connection.plan = access.plan;
    }
  });
}
