import { DEFAULT_STREAM_RULES } from "../../../core/streams/draft.ts";
import { openSqlite, type SqliteOptions } from "../open.ts";
import { openMigrationSource } from "./source.ts";

/** How often the number of open streams is looked at, in milliseconds. */
const LOOK_MS = 50;

/**
 * Opens a store as a server does, which migrates old tables and sees whether messages were lost, and ends the streams that are open: the
 * lease of their writers is over at once, so they become interrupted messages. Throws StoreInUse while a server runs on it.
 */
export async function settleStore(options: SqliteOptions): Promise<void> {
  const store = await openSqlite({ ...options, streamRules: { ...DEFAULT_STREAM_RULES, lease: 0 } });
  try {
    while (openStreams(options.dataDir) > 0) await Bun.sleep(LOOK_MS);
  } finally {
    await store.close();
  }
}

function openStreams(dataDir: string): number {
  const source = openMigrationSource(dataDir, { lock: false });
  try {
    return source.openStreams();
  } finally {
    source.close();
  }
}
