import { join } from "node:path";
import { Glob } from "bun";

export const ROOT = join(import.meta.dir, "../..");

/** The files of which every test is of the long form (`npm run test:long`). */
export const LONG_FILES = "**/*.long.test.ts";

/** The paths of the test files of the short form, or with `isLong` of all, from the root of the project. */
export function testFiles(isLong = false): string[] {
  const isExtra = new Glob(LONG_FILES);
  return [...new Glob("test/**/*.test.ts").scanSync({ cwd: ROOT })]
    .filter((path) => isLong || !isExtra.match(path))
    .sort();
}
