import type { AccountStore } from "../core/accounts.ts";
import { openAccounts } from "../engine/sqlite/open.ts";
import { openLog } from "../server/log.ts";
import { prepareDataFolder } from "../server/settings/data-folder.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../server/system-clock.ts";
import { Failure } from "./failure.ts";

/** Runs `task` on the accounts of the data folder, beside a server that may run on it, and closes them again. */
export async function withAccounts<T>(
  settings: Settings,
  task: (accounts: AccountStore) => Promise<T>,
): Promise<T> {
  usableDataFolder(settings.dataDir);
  // Standard output is for what the command answers; the log of a command is for faults only.
  const log = openLog({ level: "warn", format: "pretty", descriptor: 2 });
  const store = openAccounts({
    dataDir: settings.dataDir,
    clock: systemClock(),
    log,
    sync: settings.storeSync,
  });
  try {
    return await task(store.accounts);
  } finally {
    store.close();
  }
}

/** Makes the data folder if need be. Throws a Failure when it cannot be used. */
export function usableDataFolder(folder: string): void {
  const problem = prepareDataFolder(folder);
  if (problem !== undefined) throw new Failure(problem);
}
