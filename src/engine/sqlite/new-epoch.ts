import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { END_MARK_FILE } from "./folder/end-mark.ts";
import { rejectLostStore, withFileErrors } from "./folder/folder-files.ts";
import { lockFolder } from "./folder/lock.ts";
import { markCleanShutdown } from "./folder/unclean-shutdown.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "./open.ts";
import { beginEpoch, openStore, readMeta, STORE_FILE } from "./schema.ts";

/**
 * Begins a new life of the store, for who has put back an older copy of it: clients are told that what they saw may be
 * gone (D5). The index, which may be of another moment than the copy, is made again by the next start.
 *
 * Throws StoreInUse while a server runs on the folder, and when there is no store in it. Returns the epoch.
 */
export function beginSqliteEpoch({ dataDir }: Pick<SqliteOptions, "dataDir">): string {
  const path = join(dataDir, STORE_FILE);
  rejectLostStore(dataDir);
  if (!existsSync(path))
    throw new Error(`There is no store in ${dataDir}: put the copy there, or correct DATA_DIR.`);
  const lock = lockFolder(dataDir);
  try {
    // It must outlive the machine's power, whatever STORE_SYNC says of messages.
    const store = openStore(path, "full", COMMAND_TIMEOUT_MS);
    try {
      const begin = store.transaction(() => {
        beginEpoch(store);
        // A copy may have been made of a store in use. What was lost with that is told by the new epoch, too.
        markCleanShutdown(store);
        return readMeta(store, "epoch")!;
      });
      const epoch = withFileErrors(path, () => begin.immediate());
      // It names the end of the log that was there before the copy.
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
