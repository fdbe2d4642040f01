// The files on disk. There are two, because the cost of a commit in SQLite is the number of pages that it changes, not the
// number of rows:
//
//   parley.db         the store (tables: migrations.ts). `message` and `charge` grow at the end only, so a commit changes one page
//                     for dozens of rows (1–2 µs a row; with an index on (conversation, seq) 6 µs, with one on ids 22 µs).
//   parley-index.db   the index, derived from the log in parley.db: the position of each (conversation, seq) and message id. The
//                     index worker (index-worker-thread.ts) writes it off the event loop. It is rebuilt when it is missing.
//
// Messages that arrive together belong to different conversations and have different ids. With a row for each in a B-tree, each
// would change a page of its own, and the larger the index, the less often two share a page. So the index consists of a few *runs*
// (runs/run-table.ts), as a log-structured merge tree (O'Neil and others 1996): messages that are indexed together form one
// run, which is written in sequence and never changed. The index worker merges several small runs into a large one, in slices.
//
// Messages that are not indexed yet are in memory (memtable.ts), and are read from the log at the next start.
import { Database } from "bun:sqlite";
import { dirname } from "node:path";
import { isBusy } from "./folder/errors.ts";
import { checkKinds, hadStore, rejectLostStore, withFileErrors } from "./folder/folder-files.ts";
import { RUN_TABLES } from "./index/runs/run-table.ts";
import { newEpoch, readVersion } from "./migrations.ts";
import { type StoreUpgrade, upgradeStore } from "./upgrade/upgrade.ts";

export { INDEX_FILE, STORE_FILE } from "./folder/file-names.ts";

/** The version of the index's tables. An index of another version is deleted and rebuilt. Version 1 did not store its number. */
const INDEX_LAYOUT = 3;

/** How long opening waits for a lock of another process, in milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;
const OPEN_RETRY_MS = 5;

/** What a commit survives: with `normal` a crash of the process, with `full` also one of the machine. */
export type StoreSync = "normal" | "full";

/**
 * Opens the store file. Two defaults of Bun do not fit a server: it does not wait for locks, and it makes a checkpoint inside
 * the commit that crosses 1,000 pages, which stalls the event loop for 20–30 ms. The index worker makes checkpoints instead.
 *
 * A store of an older version is copied and brought to this one. `lockHolder`: the caller has the folder locked, and is notified of that.
 *
 * Throws StoreTooNew, OlderServerRuns, and FileUnusable when the file cannot be used, or is missing from a folder that had a store.
 */
export function openStore(
  path: string,
  sync: StoreSync,
  busyTimeout: number,
  lockHolder?: { readonly upgraded: (upgrade: StoreUpgrade) => void },
): Database {
  const folder = dirname(path);
  checkKinds(folder);
  rejectLostStore(folder);
  const db = withFileErrors(path, () => new Database(path, { create: true, strict: true }));
  try {
    return withFileErrors(path, () => prepareStore(db, path, sync, busyTimeout, lockHolder));
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareStore(
  db: Database,
  path: string,
  sync: StoreSync,
  busyTimeout: number,
  lockHolder: Parameters<typeof openStore>[3],
): Database {
  // A command may hold the lock for a moment while a server starts. So opening waits, even if later calls do not.
  db.run(`pragma busy_timeout = ${OPEN_TIMEOUT_MS}`);
  switchToWal(db);
  db.run(`pragma synchronous = ${sync}`);
  db.run("pragma wal_autocheckpoint = 0");
  db.run("pragma cache_size = -32000");
  // When a page is written anyway, SQLite overwrites the deleted content in it. Erasing needs more (eraser.ts).
  db.run("pragma secure_delete = fast");
  // Checked in this order because another process that creates the store creates its tables before the other files.
  const wasUsed = hadStore(dirname(path));
  const version = readVersion(db);
  const upgrade = upgradeStore(db, path, lockHolder !== undefined);
  if (upgrade !== undefined) lockHolder?.upgraded(upgrade);
  // All data was in a write-ahead log that is lost. Without this mark the server would add the first accounts, whose
  // passwords are published.
  if (version === 0 && wasUsed) db.run("insert or ignore into meta values ('had_accounts', '1')");
  db.run(`pragma busy_timeout = ${busyTimeout}`);
  return db;
}

/** Carries out a step of the start, which waits for a lock that a command holds for a moment; later calls of `db` do not wait. */
export function waitForLocks(db: Database, step: () => void): void {
  db.run(`pragma busy_timeout = ${OPEN_TIMEOUT_MS}`);
  try {
    step();
  } finally {
    db.run("pragma busy_timeout = 0");
  }
}

/**
 * Switches the store to a write-ahead log. When two processes do this to a new file at the same moment, SQLite refuses one of them at
 * once, whatever its `busy_timeout`, because waiting would be a deadlock. A second try succeeds.
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

/** Begins a new epoch of the store, because messages and events that were stored may be gone (D5, EV4). */
export function beginEpoch(store: Database): void {
  const epoch = newEpoch();
  const note = `insert into feed_epoch (epoch, log, event, at) values (?, ?,
    coalesce((select max(number) from event), 0), cast(unixepoch('subsec') * 1000 as integer))`;
  store.transaction(() => {
    store.query("update meta set value = ? where key = 'epoch'").run(epoch);
    store.query(note).run(epoch, readLastPosition(store));
  })();
}

/** Raised when the index has the layout of another version of Parley. */
export class IndexLayoutMismatch extends Error {}

/** Opens the index. It can be rebuilt, so its commits do not wait for the disk. Throws IndexLayoutMismatch. */
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

/** Returns a value of the table `meta`, or undefined. */
export function readMeta(db: Database, key: string): string | undefined {
  return (db.query("select value from meta where key = ?").get(key) as { value: string } | null)?.value;
}

/** Returns the last position that the log has used; 0 for none. The message at that position may have been removed. */
export function readLastPosition(store: Database): number {
  const { last } = store.query("select max(position) as last from message").get() as { last: number | null };
  return Math.max(last ?? 0, Number(readMeta(store, "last_position") ?? 0));
}

/**
 * Stores the last used position and the store's time. MUST be called in a transaction that deletes rows, before it does: after a
 * restart a position must not be used again, because the index would confuse two messages, and time must not decrease (Q1).
 */
export function saveLogEnd(store: Database, lastPosition: number, now: number): void {
  const set = store.query("insert or replace into meta values (?, ?)");
  set.run("last_position", String(lastPosition));
  set.run("written_at", String(now));
}
