import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A Redis that writes its files without compression, which would hide texts, and rewrites them only when it is asked to. */
export const READABLE_FILES = [
  ["--appendonly", "yes"],
  ["--rdbcompression", "no"],
  ["--auto-aof-rewrite-percentage", "0"],
].flat();

/** The names of the files of a folder, and of its folders, that have one of the texts. */
export function filesWith(folder: string, texts: Iterable<string>): string[] {
  const all = [...texts];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter(({ parentPath, name }) => {
      const path = join(parentPath, name);
      // Redis deletes files of before at any time.
      const bytes = readIfThere(path);
      return all.some((text) => bytes.includes(text));
    })
    .map(({ name }) => name);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (String(error).includes("ENOENT")) return "";
    throw error;
  }
}
