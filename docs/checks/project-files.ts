import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The project's folder. */
export const ROOT = join(import.meta.dir, "../..");

/** Files of packages, and files that a command of this project makes. */
const GENERATED = /(?:^|\/)(?:node_modules|dist)\//;

/** Returns the paths that match `glob`, in order and relative to the project, without generated files. */
export function projectPaths(glob: Bun.Glob): string[] {
  return [...glob.scanSync(ROOT)].filter((path) => !GENERATED.test(path)).sort();
}

/** Returns the text of a file of the project. */
export function readProjectFile(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Returns the number of the line of `text` in which `index` is; the first line is 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
