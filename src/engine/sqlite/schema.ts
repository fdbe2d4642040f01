// What lies on disk. Two files, because what SQLite charges for is the pages it dirties, not the rows it writes:
//
//   parley.db         the truth (tables: migrations.ts). `message` and `charge` grow at the end only, so a commit dirties one page for dozens
//                     of rows (1–2 µs a row; with an index on (conversation, seq) 6 µs, with one on ids 22 µs).
//   parley-index.db   derived: where a (conversation, seq) and a message id stand in the log. Filled by the keeper
//                     (index-worker-thread.ts) off the event loop; rebuilt from the log when it is missing.
//
// Names and conversations of messages that come together lie all over an index, and a row for each would dirty a page
// for each, the more the larger it is. So the index is a few *runs* (runs/run-table.ts), as in a log-structured merge tree
// (O'Neil and others 1996): what is taken in at once is one run, written side by side and never changed; the keeper
// makes one large run of several small ones, a slice at a time.
//
// What the index has not taken in yet is in memory (memtable.ts), and read back from the log at the next start.
import { Database } from "bun:sqlite";
import { dirname } from "node:path";
import { isBusy } from "./folder/errors.ts";
import { checkKinds, hadStore, rejectLostStore, withFileErrors } from "./folder/folder-files.ts";
import { RUN_TABLES } from "./index/runs/run-table.ts";
import { migrate, newEpoch, readVersion, SCHEMA_VERSION } from "./migrations.ts";

export { INDEX_FILE, STORE_FILE } from "./folder/file-names.ts";

/** Grows when the index's tables change; an index of another layout is thrown away. Before 2 it was not written down. */
const INDEX_LAYOUT = 3;

/** How long opening waits for another process, in milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;
const OPEN_RETRY_MS = 5;

/** Raised when the store was written by a newer Parley. */
export class StoreTooNew extends Error {
  constructor(path: string, version: number) {
    super(
      `${path} was written by a newer Parley (schema ${version}, this one knows ${SCHEMA_VERSION}): update Parley.`,
    );
  }
}

/** How much a commit waits for: `normal` survives a crash of the process, `full` also one of the machine. */
export type StoreSync = "normal" | "full";

/**
 * Opens the truth. Bun's defaults are not a server's: no waiting for locks, and checkpoints inside the commit that
 * crosses 1,000 pages, which stall the event loop for 20–30 ms; the keeper makes them instead.
 *
 * Throws StoreTooNew, and FileUnusable where the file cannot be used, or is gone though a store was there.
 */
export function openStore(path: string, sync: StoreSync, busyTimeout: number): Database {
  const folder = dirname(path);
  checkKinds(folder);
  rejectLostStore(folder);
  const db = withFileErrors(path, () => new Database(path, { create: true, strict: true }));
  try {
    return withFileErrors(path, () => prepareStore(db, path, sync, busyTimeout));
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareStore(db: Database, path: string, sync: StoreSync, busyTimeout: number): Database {
  // Whatever it may wait later: a start beside a command that has the store for a moment waits until it is through.
  db.run(`pragma busy_timeout = ${OPEN_TIMEOUT_MS}`);
  switchToWal(db);
  db.run(`pragma synchronous = ${sync}`);
  db.run("pragma wal_autocheckpoint = 0");
  db.run("pragma cache_size = -32000");
  // Where a page is written anyway, nothing of what it held before stays in it. Erasing needs more (eraser.ts).
  db.run("pragma secure_delete = fast");
  // Asked first: another process that makes the store makes its tables before a server leaves anything beside it.
  const wasUsed = hadStore(dirname(path));
  const version = readVersion(db);
  if (version > SCHEMA_VERSION) throw new StoreTooNew(path, version);
  migrate(db);
  // All of it was in a write-ahead log that is lost. Its accounts must not give way to those with a published password.
  if (version === 0 && wasUsed) db.run("insert or ignore into meta values ('had_accounts', '1')");
  db.run(`pragma busy_timeout = ${busyTimeout}`);
  return db;
}

/**
 * Has the store keep a write-ahead log. Where two do this to a new file at once, SQLite refuses one of them at once,
 * whatever its `busy_timeout`: waiting would be a deadlock. Trying again is not.
 */
function switchToWal(db: Database): void {
  const deadline = performance.now() + OPEN_TIMEOUT_MS;
  for (;;) {
    try {
      db.run("pragma journal_mode = wal");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      Bun.sleepSync(OPEN_RETRY_MS);
    }
  }
}

/** Names a new life of the store, when messages that were stored may be gone (D5). */
export function beginEpoch(store: Database): void {
  store.query("update meta set value = ? where key = 'epoch'").run(newEpoch());
}

/** Raised when an index was written by another version of Parley. */
export class IndexLayoutMismatch extends Error {}

/** Opens the derived index; safe to lose, so it never waits for the disk. Throws IndexLayoutMismatch. */
export function openIndex(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  try {
    db.run("pragma busy_timeout = 5000");
    db.run("pragma journal_mode = wal");
    db.run("pragma synchronous = normal");
    const isNew = db.query("select name from sqlite_schema limit 1").get() === null;
    if (!isNew && readVersion(db) !== INDEX_LAYOUT) throw new IndexLayoutMismatch(path);
    if (isNew) createIndex(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function createIndex(db: Database): void {
  db.transaction(() => {
    db.run("create table if not exists meta (key text primary key, value text not null) without rowid");
    db.run(RUN_TABLES);
    db.run(`pragma user_version = ${INDEX_LAYOUT}`);
  }).immediate();
}

/** A value of `meta`, or undefined. */
export function readMeta(db: Database, key: string): string | undefined {
  return (db.query("select value from meta where key = ?").get(key) as { value: string } | null)?.value;
}

/** The last position that the log has used; 0 when none. The message that stood there may have been removed. */
export function readLastPosition(store: Database): number {
  const { last } = store.query("select max(position) as last from message").get() as { last: number | null };
  return Math.max(last ?? 0, Number(readMeta(store, "last_position") ?? 0));
}

/**
 * Notes how far the log reaches, and the store's time, before rows are deleted; in the same transaction. A position is
 * never used twice, or the index would name one message for another; nor does time run backwards (Q1).
 */
export function saveLogEnd(store: Database, lastPosition: number, now: number): void {
  const set = store.query("insert or replace into meta values (?, ?)");
  set.run("last_position", String(lastPosition));
  set.run("written_at", String(now));
}
