import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { classifyError } from "../folder/errors.ts";
import { END_MARK_FILE, INDEX_FILE, STORE_FILE } from "../folder/file-names.ts";
import { FileUnusable, withFileErrors } from "../folder/folder-files.ts";
import { linkOrCopy, renameDurably, syncToDisk } from "./durable-files.ts";

// How a store is replaced so that an interruption leaves the old one or the new one:
//
//   it can be read    its write-ahead log is taken into it, and no other process can open it; then one rename replaces it
//   it is damaged     its files stay in the folder `kept`; they are removed, the store file first. Until the new one has its name,
//                     a server refuses to start, because the end mark or index says that a store was here (rejectLostStore)
//
// The index and the end mark belong to the old store. The start after this makes new ones.

/** How long another process may hold the old store, in milliseconds. */
const WAIT_MS = 5_000;

/**
 * Gives the store file at `staged` its name in the data folder, which MUST be locked. Keeps an old store in the folder `keptName`
 * beside it, and returns the path of that; undefined if there was no store.
 */
export function replaceStore(dataDir: string, staged: string, keptName: string): string | undefined {
  const store = join(dataDir, STORE_FILE);
  const [index, end] = [join(dataDir, INDEX_FILE), join(dataDir, END_MARK_FILE)];
  const old = [STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-journal`, END_MARK_FILE].filter((name) =>
    existsSync(join(dataDir, name)),
  );
  const kept = old.length > 0 ? join(dataDir, keptName) : undefined;
  return withFileErrors(store, () => {
    const held = holdAlone(store);
    try {
      if (kept !== undefined) {
        mkdirSync(kept, { mode: 0o700 });
        // A file that the path only leads to is kept itself: a link from another folder may lead to nothing.
        for (const name of old)
          if (existsSync(join(dataDir, name)))
            linkOrCopy(realpathSync(join(dataDir, name)), join(kept, name));
        syncToDisk(kept);
        syncToDisk(dataDir);
      }
      if (held === undefined && kept !== undefined) {
        if (!existsSync(end) && !existsSync(index)) writeFileSync(end, "");
        // A log or journal beside the new file would be taken for its own.
        for (const ending of ["", "-wal", "-shm", "-journal"]) rmSync(store + ending, { force: true });
        syncToDisk(dataDir);
      }
      renameDurably(staged, store);
    } finally {
      held?.close();
    }
    for (const path of [index, `${index}-wal`, `${index}-shm`, end]) rmSync(path, { force: true });
    syncToDisk(dataDir);
    return kept;
  });
}

/**
 * Opens the old store so that no other process can, with its write-ahead log in the file. Returns undefined when it is missing or
 * damaged. Throws FileUnusable when another process uses it.
 */
function holdAlone(store: string): Database | undefined {
  // SQLite deletes the write-ahead log of an empty file.
  if ((statSync(store, { throwIfNoEntry: false })?.size ?? 0) === 0) return undefined;
  const db = new Database(store);
  try {
    db.run(`pragma busy_timeout = ${WAIT_MS}`);
    const { journal_mode: mode } = db.query("pragma journal_mode = delete").get() as { journal_mode: string };
    if (mode !== "delete") throw busy(store);
    db.run("begin exclusive");
    return db;
  } catch (error) {
    db.close();
    if (classifyError(error) === "busy") throw busy(store);
    if (classifyError(error) === "damaged") return undefined;
    throw error;
  }
}

function busy(store: string): FileUnusable {
  return new FileUnusable(`${store} is used by another process.`, "Wait until that is done, and try again.");
}
