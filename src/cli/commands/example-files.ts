import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

// The single binary has the examples in itself and replaces this module (packages/binary/build.ts).

/** The example programs; a test runs each of them. */
export const EXAMPLES_FOLDER = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** Returns all files of examples by their path, ordered by it; none if the folder is not installed, as in a small image. */
export function readExampleFiles(): { readonly name: string; readonly text: string }[] {
  if (!existsSync(EXAMPLES_FOLDER)) return [];
  return readdirSync(EXAMPLES_FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(EXAMPLES_FOLDER, join(parentPath, name)))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(EXAMPLES_FOLDER, name), "utf8") }));
}
