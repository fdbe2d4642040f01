import type { AccountStore } from "../core/accounts.ts";
import type { Clock } from "../core/clock.ts";
import type { RevocationStore } from "../core/revocations.ts";
import type { Store } from "../core/store.ts";
import { openConversations, type SqliteConversations } from "../engine/sqlite/conversations.ts";
import { StoreInUse } from "../engine/sqlite/lock.ts";
import { openAccounts, openSqlite, type SqliteOptions } from "../engine/sqlite/open.ts";
import { type Log, openLog } from "../server/log.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../server/system-clock.ts";
import { explainStore, makeUsable, retentionOf } from "./data-on-disk.ts";

// The one place that chooses between the embedded engine and Redis: for a server, and for commands beside servers.

/** Opens what a server keeps its data in. Throws a Failure, or what the engine says in its own words. */
export async function openStoreFor(settings: Settings, { clock, log }: Parts): Promise<Store> {
  makeUsable(settings);
  return openSqlite({ ...onDisk(settings, { clock, log }), retention: retentionOf(settings) }).catch(
    explainStore(settings.dataDir),
  );
}

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
}

/** Runs `task` on the accounts and what was revoked, beside the servers that may run on them, and closes them again. */
export async function withStore<T>(
  settings: Settings,
  task: (accounts: AccountStore, revocations: RevocationStore) => Promise<T>,
): Promise<T> {
  makeUsable(settings);
  const store = await Promise.try(() => openAccounts(onDisk(settings, commandParts()))).catch(
    explainStore(settings.dataDir),
  );
  try {
    return await task(store.accounts, store.revocations);
  } finally {
    store.close();
  }
}

/** Runs `task` on the conversations, beside the servers that may run on them, and closes them again. */
export async function withConversations<T>(
  settings: Settings,
  task: (conversations: SqliteConversations) => Promise<T>,
): Promise<T> {
  makeUsable(settings);
  const conversations = await Promise.try(() => openConversations(onDisk(settings, commandParts()))).catch(
    explainStore(settings.dataDir),
  );
  try {
    return await task(conversations);
  } finally {
    conversations.close();
  }
}

/** Deletes what was removed for good where no server does it. */
export async function cleanUp(settings: Settings): Promise<void> {
  const store = await openSqlite(onDisk(settings, commandParts())).catch((error) => {
    // A server that runs on the files does it itself.
    if (error instanceof StoreInUse) return undefined;
    throw error;
  });
  try {
    await store?.clean();
  } finally {
    await store?.close();
  }
}

/** Standard output is for what a command answers; the log of a command is for faults only. */
function commandParts(): Parts {
  return { clock: systemClock(), log: openLog({ level: "warn", format: "pretty", descriptor: 2 }) };
}

function onDisk({ dataDir, storeSync: sync }: Settings, { clock, log }: Parts): SqliteOptions {
  return { dataDir, clock, log, sync };
}
