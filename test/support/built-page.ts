import { deserialize, serialize } from "bun:jsc";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPage } from "../../src/server/console-files.ts";
import type { Page } from "../../src/server/http/routes/page.ts";

/** Builds the console into a file in `folder`, for all tests of a run; returns its path. */
export async function writePage(folder: string): Promise<string> {
  const path = join(folder, "page");
  writeFileSync(path, new Uint8Array(serialize(await createPage())));
  return path;
}

/** The console: from the file that TEST_PAGE names (`npm test` sets it), or built from the sources. */
export async function readPage(path = process.env.TEST_PAGE): Promise<Page> {
  return path === undefined ? createPage() : deserialize(readFileSync(path));
}
