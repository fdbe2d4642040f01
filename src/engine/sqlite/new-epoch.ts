import { existsSync } from "node:fs";
import { join } from "node:path";
import { lockFolder } from "./lock.ts";
import { COMMAND_PATIENCE, type SqliteOptions } from "./open.ts";
import { markClosed } from "./power-loss.ts";
import { beginEpoch, openStore, readMeta, STORE_FILE } from "./schema.ts";

/**
 * Begins a new life of the store, for who has put back an older copy of it: clients are told that what they saw may be
 * gone (D5). The index, which may be of another moment than the copy, is made again by the next start.
 *
 * Throws StoreInUse while a server runs on the folder, and when there is no store in it. Answers the epoch.
 */
export function beginSqliteEpoch({ dataDir }: Pick<SqliteOptions, "dataDir">): string {
  const path = join(dataDir, STORE_FILE);
  if (!existsSync(path))
    throw new Error(`There is no store in ${dataDir}: put the copy there, or correct DATA_DIR.`);
  const lock = lockFolder(dataDir);
  try {
    // It must outlive the machine's power, whatever STORE_SYNC says of messages.
    const store = openStore(path, "full", COMMAND_PATIENCE);
    try {
      return store
        .transaction(() => {
          beginEpoch(store);
          // A copy may have been made of a store in use. What was lost with that is told by the new epoch, too.
          markClosed(store);
          return readMeta(store, "epoch")!;
        })
        .immediate();
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}
