import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

const READ_BYTES = 1024 * 1024;

/** Waits until what was written to a file or folder is on the disk. */
export function syncToDisk(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives a file another name in one step, also over a file that has that name, and waits until the disk has it. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncToDisk(dirname(to));
}

/** Writes a file so that it is there whole, or as it was. */
export function writeDurably(path: string, text: string): void {
  const partial = `${path}.partial`;
  writeFileSync(partial, text);
  syncToDisk(partial);
  renameDurably(partial, path);
}

/** Gives a file a second name; copies it where the file system has no such names, or is another one. */
export function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"].includes(code)) throw error;
    copyFileSync(from, to);
    syncToDisk(to);
  }
}

/**
 * Reads a file and returns its SHA-256 as hex. Calls `each` with every piece, which is valid until it returns; others run between
 * two pieces.
 */
export async function digestFile(
  path: string,
  each: (piece: Uint8Array) => void | Promise<void>,
): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(READ_BYTES);
  const file = openSync(path, "r");
  try {
    for (;;) {
      const bytes = readSync(file, buffer, 0, READ_BYTES, null);
      if (bytes === 0) return hash.digest("hex");
      const piece = buffer.subarray(0, bytes);
      hash.update(piece);
      await each(piece);
    }
  } finally {
    closeSync(file);
  }
}

/** Returns the SHA-256 of a text, as hex. */
export function digestText(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
