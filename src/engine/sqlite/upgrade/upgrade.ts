import type { Database } from "bun:sqlite";
import { readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { compactTime } from "../../../core/backup/rules.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { renameDurably, syncToDisk } from "../backup/durable-files.ts";
import { requireSpace } from "../backup/space.ts";
import { lockFolder, StoreInUse } from "../folder/lock.ts";
import { migrate, readVersion, SCHEMA_VERSION } from "../migrations.ts";

/** How long a server keeps the copy that an upgrade has put aside, in milliseconds: 7 days. */
export const UPGRADE_COPY_MS = 7 * 24 * 3_600_000;
/** How often a server looks for copies that are older, in milliseconds. */
const LOOK_INTERVAL_MS = 3_600_000;

const COPY_NAME = /^parley-schema-\d+-[0-9TZ]+\.db$/;

/** A store of an older version that was brought to this version. */
export interface StoreUpgrade {
  readonly from: number;
  readonly to: number;
  /** The path of the copy of the store as it was. */
  readonly copy: string;
}

/** Raised when the store was written by a newer Parley. */
export class StoreTooNew extends Error {
  constructor(path: string, version: number) {
    super(
      `${path} was written by a newer Parley (schema ${version}, this one knows ${SCHEMA_VERSION}): update Parley, or put back the copy that the newer one has made of the store before (docs/OPERATIONS.md, Updating).`,
    );
  }
}

/** Raised when a command meets a store of an older version on which a server runs. */
export class OlderServerRuns extends Error {
  constructor(path: string, version: number) {
    super(
      `${path} is in use by an older Parley (schema ${version}, this one writes ${SCHEMA_VERSION}): restart the server with this version first, or use the commands of the older one.`,
    );
  }
}

/**
 * Brings the tables of a store to this version. A store of an older version is copied before anything is changed. Only the process
 * that has the data folder locked does so: `holdsLock` says that the caller has. Returns what was done to an older store.
 * Throws StoreTooNew, OlderServerRuns, and FileUnusable when there is no room for the copy.
 */
export function upgradeStore(db: Database, path: string, holdsLock: boolean): StoreUpgrade | undefined {
  const version = readVersion(db);
  if (version > SCHEMA_VERSION) throw new StoreTooNew(path, version);
  if (version === SCHEMA_VERSION) return undefined;
  if (version === 0) {
    migrate(db);
    return undefined;
  }
  const lock = holdsLock ? undefined : lockUnlessInUse(path, version);
  try {
    // Read again: another command may have done it before this one had the lock.
    const from = readVersion(db);
    if (from === SCHEMA_VERSION) return undefined;
    const copy = copyBefore(db, path, from);
    migrate(db);
    return { from, to: SCHEMA_VERSION, copy };
  } finally {
    lock?.release();
  }
}

function lockUnlessInUse(path: string, version: number): { release(): void } {
  try {
    return lockFolder(dirname(path));
  } catch (error) {
    throw error instanceof StoreInUse ? new OlderServerRuns(path, version) : error;
  }
}

function copyBefore(db: Database, path: string, version: number): string {
  const folder = dirname(path);
  const copy = join(folder, `parley-schema-${version}-${compactTime(Date.now())}.db`);
  const partial = `${copy}.partial`;
  const size = (name: string) => statSync(name, { throwIfNoEntry: false })?.size ?? 0;
  // The migration may write all rows again.
  requireSpace(folder, 3 * (size(path) + size(`${path}-wal`)));
  try {
    db.query("vacuum into ?").run(partial);
    syncToDisk(partial);
    renameDurably(partial, copy);
  } finally {
    rmSync(partial, { force: true });
  }
  return copy;
}

/**
 * Deletes the copies of upgrades that are older than UPGRADE_COPY_MS, now and from time to time, because they hold texts and names
 * that were erased since. Returns a function that ends it.
 */
export function forgetUpgradeCopies(folder: string, clock: Clock, emit: Emit): () => void {
  const look = () => {
    for (const path of upgradeCopies(folder)) {
      const madeAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
      if (clock.now() - madeAt < UPGRADE_COPY_MS) continue;
      rmSync(path, { force: true });
      emit("store.upgrade_copy_deleted", { file: path });
    }
  };
  look();
  return clock.every(LOOK_INTERVAL_MS, look);
}

/** Returns the paths of the copies that upgrades have put aside. */
export function upgradeCopies(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => COPY_NAME.test(name))
    .map((name) => join(folder, name));
}
