import type { AccountStore } from "../core/accounts.ts";
import type { RetentionLimits } from "../core/retention.ts";
import type { RevocationStore } from "../core/revocations.ts";
import { openAccounts } from "../engine/sqlite/open.ts";
import { openLog } from "../server/log.ts";
import { prepareDataFolder } from "../server/settings/data-folder.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../server/system-clock.ts";
import { Failure } from "./failure.ts";

/** Runs `task` on the accounts of the data folder, beside a server that may run on it, and closes them again. */
export async function withAccounts<T>(
  settings: Settings,
  task: (accounts: AccountStore, revocations: RevocationStore) => Promise<T>,
): Promise<T> {
  makeUsable(settings.dataDir);
  // Standard output is for what the command answers; the log of a command is for faults only.
  const log = openLog({ level: "warn", format: "pretty", descriptor: 2 });
  const { dataDir, storeSync } = settings;
  const store = await Promise.try(() =>
    openAccounts({ dataDir, clock: systemClock(), log, sync: storeSync }),
  ).catch(explainStore(dataDir));
  try {
    return await task(store.accounts, store.revocations);
  } finally {
    store.close();
  }
}

/** Makes the data folder if need be. Throws a Failure when it cannot be used. */
export function makeUsable(folder: string): void {
  const problem = prepareDataFolder(folder);
  if (problem !== undefined) throw new Failure(problem);
}

/** How long the settings keep messages. */
export function retentionOf({ retentionMessages, retentionDays }: Settings): RetentionLimits {
  return { messages: retentionMessages, days: retentionDays };
}

/** Says where the data lies that cannot be used. What the engine refuses in its own words passes as it is. */
export function explainStore(folder: string): (error: unknown) => never {
  return (error) => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("SQLITE_")) throw error;
    throw new Failure(
      `The data in ${JSON.stringify(folder)} cannot be used (${message}). Check the rights of its files, restore them from a copy, or set DATA_DIR to another folder.`,
    );
  };
}
