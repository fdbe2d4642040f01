import { Database } from "bun:sqlite";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type BackupManifest, decodeManifest, MANIFEST_FILE } from "../../../core/backup/manifest.ts";
import { compactTime, refuseRestore } from "../../../core/backup/rules.ts";
import { explainFileError, withFileErrors } from "../folder/folder-files.ts";
import { lockFolder } from "../folder/lock.ts";
import { markCleanShutdown } from "../folder/unclean-shutdown.ts";
import { SCHEMA_VERSION } from "../migrations.ts";
import { beginEpoch, readMeta, STORE_FILE } from "../schema.ts";
import type { ReportProgress } from "./backup.ts";
import { digestFile, digestText, syncToDisk } from "./durable-files.ts";
import { replaceStore } from "./replace-store.ts";
import { requireSpace } from "./space.ts";

export interface RestoreOptions {
  readonly folder: string;
  readonly dataDir: string;
  /** Whether a store that is in the data folder is replaced. */
  readonly replace: boolean;
  /** Returns the time in milliseconds since 1970. */
  readonly now: () => number;
  readonly progress: ReportProgress;
}

export interface RestoredStore {
  readonly backup: BackupManifest;
  /** The new epoch of the store. */
  readonly epoch: string;
  /** The folder that has the store which was replaced; undefined if there was none. */
  readonly kept: string | undefined;
}

/** Raised when a backup is not restored; the message says why. Nothing was changed. */
export class NotRestored extends Error {
  constructor(folder: string, reason: string) {
    super(`The backup in ${folder} was not restored. ${reason}`);
  }
}

/** What else than the rights of an unreadable backup can be changed. */
const OTHER_BACKUP = "use another backup";

/** The copy of the backup in the data folder, until it takes the place of the store. */
const STAGED_FILE = `${STORE_FILE}.restoring`;

/**
 * Puts a backup into a data folder, and begins a new epoch, so that clients learn that messages may be gone (D5). Whenever it is
 * interrupted, the folder has the old store or the new one. Throws NotRestored, StoreInUse and FileUnusable.
 */
export async function restoreStore(options: RestoreOptions): Promise<RestoredStore> {
  const { folder, dataDir, replace, now } = options;
  const manifest = readManifest(folder);
  withFileErrors(dataDir, () => mkdirSync(dataDir, { recursive: true, mode: 0o700 }));
  const lock = lockFolder(dataDir);
  const staged = join(dataDir, STAGED_FILE);
  try {
    withFileErrors(dataDir, () => rmSync(staged, { force: true }));
    const present = withFileErrors(dataDir, () => readdirSync(dataDir));
    const refusal = refuseRestore({ manifest, knownSchema: SCHEMA_VERSION, present, replace });
    if (refusal !== undefined) throw new NotRestored(folder, refusal);
    requireSpace(dataDir, manifest.bytes);
    await stage(options, manifest, staged);
    const epoch = withFileErrors(staged, () => beginEpochOf(staged));
    const kept = replaceStore(dataDir, staged, `replaced-${compactTime(now())}`);
    return { backup: manifest, epoch, kept };
  } finally {
    rmSync(staged, { force: true });
    lock.release();
  }
}

function readManifest(folder: string): BackupManifest {
  const found = withFileErrors(folder, () => statSync(folder, { throwIfNoEntry: false }), OTHER_BACKUP);
  if (found?.isDirectory() !== true)
    throw new NotRestored(
      folder,
      found === undefined
        ? "There is no such folder."
        : "That is a file; a backup is the folder that was given to `parley backup`.",
    );
  const path = join(folder, MANIFEST_FILE);
  if (withFileErrors(path, () => statSync(path, { throwIfNoEntry: false }), OTHER_BACKUP)?.isFile() !== true)
    throw new NotRestored(
      folder,
      `It has no ${MANIFEST_FILE}: it is no backup, or making it was interrupted. Use another one.`,
    );
  const read = decodeManifest(
    withFileErrors(path, () => readFileSync(path, "utf8"), OTHER_BACKUP),
    digestText,
  );
  if ("problem" in read) throw new NotRestored(folder, `It ${read.problem}. Use another one.`);
  return read.manifest;
}

/** Copies the file of a backup, and compares it with the manifest. */
async function stage({ folder, progress }: RestoreOptions, manifest: BackupManifest, staged: string) {
  const path = join(folder, manifest.file);
  const found = withFileErrors(path, () => statSync(path, { throwIfNoEntry: false }), OTHER_BACKUP);
  if (found === undefined)
    throw new NotRestored(folder, `It is not whole: ${manifest.file} is missing. Use another one.`);
  if (!found.isFile())
    throw new NotRestored(folder, `It is not whole: ${manifest.file} is no file. Use another one.`);
  const damaged = (how: string) =>
    new NotRestored(
      folder,
      `It is damaged: ${manifest.file} is not what the backup has written: ${how}. Use another one.`,
    );
  const target = withFileErrors(staged, () => openSync(staged, "wx", 0o600));
  let bytes = 0;
  let sha256: string;
  try {
    sha256 = await digestFile(path, async (piece) => {
      bytes += piece.length;
      // The rest of a file that is too long is not read: it may have any length.
      if (bytes > manifest.bytes) throw damaged(`it has more than ${manifest.bytes} bytes`);
      for (let from = 0; from < piece.length; )
        from += withFileErrors(staged, () => writeSync(target, piece, from));
      progress("restoring", bytes / manifest.bytes);
      await Bun.sleep(0);
    });
  } catch (error) {
    throw explainFileError(path, error, OTHER_BACKUP);
  } finally {
    closeSync(target);
  }
  if (bytes < manifest.bytes) throw damaged(`${bytes} bytes of ${manifest.bytes} are there`);
  if (sha256 !== manifest.sha256) throw damaged("its bytes were changed, although they are as many");
}

function beginEpochOf(path: string): string {
  const store = new Database(path, { strict: true });
  try {
    // A journal that an interruption left would be taken for that of the next copy with this name.
    store.run("pragma journal_mode = memory");
    store.run("pragma synchronous = full");
    beginEpoch(store);
    markCleanShutdown(store);
    return readMeta(store, "epoch")!;
  } finally {
    store.close();
    syncToDisk(path);
  }
}
