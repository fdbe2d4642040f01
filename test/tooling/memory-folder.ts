import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

/** The file system that Linux keeps in memory. */
const MEMORY = "/dev/shm";

/** What the files of a whole run need at most, in bytes, and the memory that must be free for the tests besides. */
const FILES_BYTES = 2 * 2 ** 30;
const FREE_BYTES = 6 * 2 ** 30;

/** The beginning of a folder's name, and the age in milliseconds at which it is left over from a run that was killed. */
const PREFIX = "parley-run-";
const LEFT_OVER_MS = 2 * 3_600_000;

/**
 * Makes a folder for the temporary files of a run, for all users, and returns its path. It is in memory where there is room:
 * a test seldom needs a disk, and the stores of some thousand tests wait for theirs to be flushed.
 */
export function makeTemporaryFolder(memory = MEMORY): string {
  const folder = makeUsable(memory) ?? mkdtempSync(join(tmpdir(), PREFIX));
  // Some tests start the program as another user.
  chmodSync(folder, 0o1777);
  return folder;
}

/** A folder below `memory`, or undefined if it has no room, or programs in it cannot be started (as in many containers). */
function makeUsable(memory: string): string | undefined {
  let folder: string | undefined;
  try {
    removeLeftOver(memory);
    const { bavail, bsize } = statfsSync(memory);
    const free = Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
    if (bavail * bsize < FILES_BYTES || free < FREE_BYTES) return undefined;
    folder = mkdtempSync(join(memory, PREFIX));
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    if (Bun.spawnSync([program]).exitCode === 0) {
      rmSync(program);
      return folder;
    }
  } catch {
    // There is no such file system, or this user may not write to it: the disk will do.
  }
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  return undefined;
}

/** Removes the folders of runs that did not come to their end: memory is too dear to keep them. */
function removeLeftOver(memory: string): void {
  for (const name of readdirSync(memory)) {
    const path = join(memory, name);
    if (name.startsWith(PREFIX) && Date.now() - statSync(path).mtimeMs > LEFT_OVER_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
