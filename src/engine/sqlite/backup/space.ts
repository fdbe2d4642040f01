import { statfsSync } from "node:fs";
import { resolve } from "node:path";
import { FileUnusable } from "../folder/folder-files.ts";

/** Throws FileUnusable if the disk of `folder` has no room for `bytes` bytes. */
export function requireSpace(folder: string, bytes: number): void {
  const { blocks, bavail, bsize } = statfsSync(folder);
  // Some file systems report no size.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  throw new FileUnusable(
    `${resolve(folder)} has ${bavail * bsize} free bytes, and ${bytes} are needed.`,
    "Make room on the disk.",
  );
}
