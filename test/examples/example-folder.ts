import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../packages/parley-client/build.ts";
import { EXAMPLES_FOLDER } from "../../src/cli/commands/example-files.ts";
import { ROOT } from "../docs/pages.ts";

/** Makes a folder as a user has it: the examples, and the library of the package next to them. */
export async function makeExampleFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "parley-examples-"));
  cpSync(EXAMPLES_FOLDER, folder, { recursive: true });
  const library = join(folder, "node_modules/parley");
  mkdirSync(join(library, "dist/client"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(library, "package.json"));
  writeFileSync(join(library, "dist/client/index.js"), (await bundle()).code);
  return folder;
}

/** A Python that has the package websockets; undefined where there is none. */
export const python = ["/usr/bin/python3", "python3"].find(
  (each) => Bun.spawnSync([each, "-c", "import websockets"], { stderr: "ignore" }).success,
);
