import { Database } from "bun:sqlite";
import { join } from "node:path";
import { isBusy } from "./errors.ts";
import { LOCK_FILE } from "./file-names.ts";
import { explainFileError, withFileErrors } from "./folder-files.ts";

export { LOCK_FILE } from "./file-names.ts";

/** Raised when another server, or a command, has the same data folder for itself. Two servers would give the same `seq` to different messages. */
export class StoreInUse extends Error {
  constructor(readonly folder: string) {
    super(
      `The data folder ${folder} is in use by another Parley server. Stop that one, or set DATA_DIR to another folder.`,
    );
  }
}

/**
 * Locks the data folder for this process until `release` or until the process ends. The lock belongs to the operating system
 * (fcntl, through SQLite), so it ends even with `kill -9`. Throws StoreInUse and FileUnusable.
 */
export function lockFolder(folder: string): { release(): void } {
  return lockFile(folder, LOCK_FILE);
}

/** Locks a file of the folder as `lockFolder` does; makes it where it is missing. */
export function lockFile(folder: string, name: string): { release(): void } {
  const path = join(folder, name);
  const db = withFileErrors(path, () => new Database(path, { create: true }));
  try {
    db.run("pragma busy_timeout = 0");
    db.run("begin exclusive");
  } catch (error) {
    db.close();
    if (isBusy(error)) throw new StoreInUse(folder);
    throw explainFileError(path, error);
  }
  return { release: () => db.close() };
}
