import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { MOVING_FILE } from "./file-names.ts";
import { lockFile, lockFolder, StoreInUse } from "./lock.ts";

/** Raised where a command would write to a store that is being moved: the change would stay behind. */
export class StoreMoving extends Error {
  constructor(folder: string) {
    super(
      `The store in ${resolve(folder)} is being moved (\`parley migrate\`). Wait until that has ended; then run this on the Redis to which it was moved.`,
    );
  }
}

/**
 * Locks a folder as a server does, and says that its store is being moved, until `release` or until the process ends. Throws StoreInUse
 * and FileUnusable.
 */
export function lockForMove(folder: string): { release(): void } {
  const lock = lockFolder(folder);
  try {
    const moving = lockFile(folder, MOVING_FILE);
    return {
      release() {
        rmSync(join(folder, MOVING_FILE), { force: true });
        moving.release();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Throws StoreMoving while the store of a folder is being moved. A process that was killed leaves the file, and not its lock. */
export function rejectMoving(folder: string): void {
  if (!existsSync(join(folder, MOVING_FILE))) return;
  try {
    lockFile(folder, MOVING_FILE).release();
  } catch (error) {
    throw error instanceof StoreInUse ? new StoreMoving(folder) : error;
  }
}
