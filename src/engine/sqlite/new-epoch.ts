import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { END_MARK_FILE } from "./folder/end-mark.ts";
import { rejectLostStore, withFileErrors } from "./folder/folder-files.ts";
import { lockFolder } from "./folder/lock.ts";
import { markCleanShutdown } from "./folder/unclean-shutdown.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "./open.ts";
import { beginEpoch, openStore, readMeta, STORE_FILE } from "./schema.ts";

/**
 * Begins a new epoch of the store, for an operator who has restored an older copy: clients that resume learn that messages
 * which they have seen may be gone (D5). Deletes the index, which may not match the copy; the next start rebuilds it.
 *
 * Throws StoreInUse while a server runs on the folder, and an error when the folder has no store. Returns the epoch.
 */
export function beginSqliteEpoch({ dataDir }: Pick<SqliteOptions, "dataDir">): string {
  const path = join(dataDir, STORE_FILE);
  rejectLostStore(dataDir);
  if (!existsSync(path))
    throw new Error(`There is no store in ${dataDir}: put the copy there, or correct DATA_DIR.`);
  const lock = lockFolder(dataDir);
  try {
    // The epoch must survive a loss of power, even if STORE_SYNC lets messages be lost then.
    // The copy may be one of an older version. As with other commands, nothing is printed when its tables are changed.
    const store = openStore(path, "full", COMMAND_TIMEOUT_MS, { upgraded: () => {} });
    try {
      const begin = store.transaction(() => {
        beginEpoch(store);
        // The copy may have been made of a store in use. The new epoch covers messages that are missing for that reason, too.
        markCleanShutdown(store);
        return readMeta(store, "epoch")!;
      });
      const epoch = withFileErrors(path, () => begin.immediate());
      // The end mark belongs to the log that the copy has replaced.
      const end = join(dataDir, END_MARK_FILE);
      withFileErrors(end, () => rmSync(end, { force: true }));
      return epoch;
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}
