import { join } from "node:path";
import { Glob } from "bun";

export const ROOT = join(import.meta.dir, "../..");

/** The paths of all test files, from the root of the project. */
export function testFiles(): string[] {
  return [...new Glob("test/**/*.test.ts").scanSync({ cwd: ROOT })].sort();
}
