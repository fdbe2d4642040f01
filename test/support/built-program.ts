import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { writePage } from "./built-page.ts";
import { writePackages } from "./packages.ts";

const SOURCES = join(import.meta.dir, "../../src");

/** The source that builds the console. */
const PAGE_SOURCE = "/src/server/console-files.ts";

/** The program of which parts are broken on purpose (test/delivery). */
export const BROKEN_SERVER = join(import.meta.dir, "../delivery/programs/server.ts");

/**
 * The program `entry`, the command line if not given, as one file in `folder`, made of the sources as they are, with its
 * bytecode; returns its path. It starts in a third of the processor time that some hundred files take, and the tests start it
 * some hundred times. Its console is the one in the file `page` (built-page.ts): to build it is a third of the start of a server.
 */
export async function buildProgram(
  folder: string,
  page: string,
  entry = join(SOURCES, "cli/main.ts"),
): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    outdir: folder,
    target: "bun",
    // Bytecode is made for this format only.
    format: "cjs",
    bytecode: true,
    // Errors name places in the sources.
    sourcemap: "linked",
    plugins: [
      {
        name: "places",
        setup(build) {
          // Files next to a source (scripts of Redis, the console, worker threads) are found next to the built file.
          build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
            contents: (path.endsWith(PAGE_SOURCE) ? withBuiltPage(path, page) : readFileSync(path, "utf8"))
              .replaceAll("import.meta.dir,", `${JSON.stringify(dirname(path))},`)
              .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
            loader: "ts",
          }));
        },
      },
    ],
  });
  return outputs.find(({ kind }) => kind === "entry-point")!.path;
}

/** Builds in `folder` what many test files need; returns the environment in which they find it. */
export async function buildShared(folder: string): Promise<Record<string, string>> {
  // Most of it is done by other processes.
  const packages = writePackages(folder);
  const page = await writePage(folder);
  return {
    TEST_PAGE: page,
    TEST_PROGRAM: await buildProgram(folder, page),
    TEST_BROKEN_SERVER: await buildProgram(folder, page, BROKEN_SERVER),
    TEST_PACKAGES: await packages,
  };
}

/** Returns the source of the console's routes with a `createPage()` that reads the file `page`. */
function withBuiltPage(path: string, page: string): string {
  const source = readFileSync(path, "utf8");
  const built = `
    import { deserialize } from "bun:jsc";
    import { readFileSync } from "node:fs";
    export async function createPage(): Promise<Page> {
      return deserialize(readFileSync(${JSON.stringify(page)}));
    }
  `;
  const declaration = "export async function createPage(";
  if (!source.includes(declaration)) throw new Error(`${path} has no createPage()`);
  return source.replace(declaration, "async function buildPage(") + built;
}
