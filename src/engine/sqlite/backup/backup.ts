import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type BackupManifest,
  encodeManifest,
  MANIFEST_FILE,
  type StoreCounts,
} from "../../../core/backup/manifest.ts";
import { backupFileName, refuseBackupInto } from "../../../core/backup/rules.ts";
import { classifyError } from "../folder/errors.ts";
import { explainFileError, withFileErrors } from "../folder/folder-files.ts";
import { lockFolder, StoreInUse } from "../folder/lock.ts";
import { SCHEMA_VERSION } from "../migrations.ts";
import { STORE_FILE } from "../schema.ts";
import { digestFile, digestText, renameDurably, syncToDisk, writeDurably } from "./durable-files.ts";
import { requireSpace } from "./space.ts";
import { countStore, StoreCopy } from "./store-copy.ts";

/** How often a copy is begun before the command gives up. */
const MAX_TRIES = 5;

/** After so many new bytes the copy waits for the disk, so that the server's own writes do not have to wait behind all of it. */
const SYNC_BYTES = 1024 * 1024;

/** The folder for the files of a store on a read-only disk, until they are backed up (BACKUP_FILES in core/backup/rules.ts). */
const SOURCE_FOLDER = "source.partial";

const OTHER_FOLDER =
  "name another folder for the backup: one in a folder that belongs to this user (as root: install -d -o <user> -m 700 /var/backups/parley)";

/** What a backup or a restore does now, and how much of that is done, between 0 and 1. */
export type ReportProgress = (doing: "copying" | "verifying" | "restoring", share: number) => void;

export interface BackupOptions {
  readonly dataDir: string;
  /** Whether the disk of the data folder is read-only. */
  readonly isReadOnly: boolean;
  readonly folder: string;
  /** The version of this Parley. */
  readonly parley: string;
  /** Returns the time in milliseconds since 1970. */
  readonly now: () => number;
  readonly progress: ReportProgress;
}

/** Raised when a backup cannot be made; the message says why, and what to do. */
export class BackupFailed extends Error {}

/**
 * Copies the store of a data folder into a folder for backups, while a server may run on it, and verifies the copy by reading it
 * back. The backup that was in the folder before is replaced when the new one is whole. Throws BackupFailed, OtherSchema and
 * FileUnusable; then the folder is as it was.
 */
export async function backUpStore(options: BackupOptions): Promise<BackupManifest> {
  const { dataDir, folder, isReadOnly } = options;
  const source = join(dataDir, STORE_FILE);
  const present = withFileErrors(
    folder,
    () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return readdirSync(folder, { withFileTypes: true });
    },
    OTHER_FOLDER,
  );
  const refusal = refuseBackupInto(present.map((entry) => `${entry.name}${entry.isDirectory() ? "/" : ""}`));
  if (refusal !== undefined) throw new BackupFailed(`Nothing was backed up: ${refusal}`);
  const lock = lockBackups(folder);
  try {
    removePartial(folder);
    requireSpace(folder, (sizeOf(source) + sizeOf(`${source}-wal`)) * (isReadOnly ? 2 : 1));
    return await makeBackup(isReadOnly ? copyFiles(source, folder) : source, options);
  } finally {
    removePartial(folder);
    lock.release();
  }
}

/**
 * Copies the files of a store on a read-only disk, where nothing changes, into the folder for backups; returns the path of the copy.
 * SQLite can open a store with a write-ahead log only where it can write, and without the log the newest messages are missing.
 */
function copyFiles(source: string, folder: string): string {
  const copied = join(folder, SOURCE_FOLDER);
  return withFileErrors(
    copied,
    () => {
      mkdirSync(copied, { mode: 0o700 });
      for (const ending of ["", "-wal", "-journal"])
        if (existsSync(source + ending)) copyFileSync(source + ending, join(copied, STORE_FILE + ending));
      return join(copied, STORE_FILE);
    },
    OTHER_FOLDER,
  );
}

async function makeBackup(source: string, { folder, parley, now, progress }: BackupOptions) {
  const name = backupFileName(now());
  const partial = join(folder, `${name}.partial`);
  const { epoch, counts, at } = await copyWhole(source, partial, now, progress);
  await verifyCopy(partial, counts);
  const bytes = sizeOf(partial);
  let read = 0;
  const sha256 = await digestFile(partial, async (piece) => {
    read += piece.length;
    progress("verifying", read / bytes);
    await Bun.sleep(0);
  });
  const made = { parley, schema: SCHEMA_VERSION, epoch, made_at: new Date(at).toISOString() };
  const manifest = { format: 1 as const, ...made, file: name, bytes, sha256, counts };
  withFileErrors(folder, () => {
    renameDurably(partial, join(folder, name));
    // From here on the folder has the new backup, and no longer the old one.
    writeDurably(join(folder, MANIFEST_FILE), encodeManifest(manifest, digestText));
    for (const file of readdirSync(folder))
      if (/^store-.*\.db$/.test(file) && file !== name) rmSync(join(folder, file));
  });
  return manifest;
}

async function copyWhole(source: string, target: string, now: () => number, progress: ReportProgress) {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    rmSync(target, { force: true });
    try {
      const copy = new StoreCopy(source, target);
      try {
        let synced = 0;
        await copy.copyInParts(async (share, bytes) => {
          progress("copying", share);
          if (bytes > synced + SYNC_BYTES) {
            syncToDisk(target);
            synced = bytes;
          }
          await Bun.sleep(0);
        });
        const at = now();
        if (copy.copyRest()) return { at, ...copy.finish() };
      } finally {
        copy.close();
      }
    } catch (error) {
      throw explainFileError(isOfWriting(error) ? target : source, error);
    }
  }
  throw new BackupFailed(
    "Nothing was backed up: the data of a person is being erased meanwhile. Run the command again when `parley user erase` has ended.",
  );
}

/** Whether an error of SQLite is of the file that is written. Of two files that are open, its message names none. */
function isOfWriting(error: unknown): boolean {
  const { code } = error as { code?: string };
  return classifyError(error) === "full" || /_(?:WRITE|FSYNC|TRUNCATE)$/.test(code ?? "");
}

/** Reads the copy back as a store. Throws BackupFailed if it is damaged, or lacks anything. */
async function verifyCopy(path: string, counts: StoreCounts): Promise<void> {
  withFileErrors(path, () => syncToDisk(path));
  using copy = new Database(path, { readonly: true, strict: true });
  const found = copy.query("pragma integrity_check(5)").all() as { integrity_check: string }[];
  const damage = found.map((row) => row.integrity_check).filter((line) => line !== "ok");
  const isSame = JSON.stringify(countStore(copy)) === JSON.stringify(counts);
  if (damage.length > 0 || !isSame)
    throw new BackupFailed(
      `Nothing was backed up: the copy, read back, is not what was written${damage.length > 0 ? ` (${damage.join("; ")})` : ""}. The disk may be failing; \`parley doctor\` examines the store.`,
    );
}

function lockBackups(folder: string): { release(): void } {
  try {
    return lockFolder(folder);
  } catch (error) {
    if (!(error instanceof StoreInUse)) throw error;
    throw new BackupFailed(
      `Nothing was backed up: another one into ${resolve(folder)} is under way, or a server runs on that folder.`,
    );
  }
}

function removePartial(folder: string): void {
  for (const name of readdirSync(folder))
    if (name.endsWith(".partial")) rmSync(join(folder, name), { force: true, recursive: true });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
