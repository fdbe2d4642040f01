// Builds the single binary: the command line with its runtime, the scripts of Redis, the built console and the examples. It needs
// no npm, no Node and no file beside it.
import { serialize } from "bun:jsc";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { readExampleFiles } from "../../src/cli/commands/example-files.ts";
import { createApiPage, createPage } from "../../src/server/console-files.ts";

const ROOT = join(import.meta.dir, "../..");
const SOURCES = join(ROOT, "src");
const LUA = join(SOURCES, "engine/redis/lua");

/** The program, and the worker thread that it starts by name. */
const ENTRIES = [join(SOURCES, "cli/main.ts"), join(SOURCES, "engine/sqlite/index/index-worker-thread.ts")];

/** Modules that read files of Parley's folder, each with the source that takes its place in the binary. */
type Replacements = Readonly<Record<string, string>>;

/** Writes the binary for this machine's platform to `path`. Throws where it cannot be built. */
export async function buildBinary(path: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-binary-"));
  try {
    const page = join(folder, "console");
    writeFileSync(page, new Uint8Array(serialize(await createPage())));
    const apiPage = join(folder, "api-page");
    writeFileSync(apiPage, new Uint8Array(serialize(await createApiPage())));
    const replacements = replacementsWith(page, apiPage);
    // Source maps are written beside it, and are in it as well.
    const built = join(folder, "parley");
    const { logs, success } = await Bun.build({
      entrypoints: ENTRIES,
      root: SOURCES,
      minify: { whitespace: true, syntax: true },
      bytecode: true,
      format: "cjs",
      sourcemap: "inline",
      target: "bun",
      compile: {
        outfile: built,
        // As bin/runtime-flags.mjs: nothing of the current folder is read but what the documents name (RT-16).
        autoloadBunfig: false,
        autoloadDotenv: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
        execArgv: ["--no-install"],
      },
      plugins: [
        {
          name: "embedded files",
          setup(build) {
            build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: file }) => {
              const contents = replacements[relative(SOURCES, file)];
              return contents === undefined ? undefined : { contents, loader: "ts" };
            });
          },
        },
      ],
    });
    if (!success) throw new Error(`The binary was not built: ${logs.join("\n")}`);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(built, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `page` is the file with the built console, `apiPage` that with the description of the API. */
function replacementsWith(page: string, apiPage: string): Replacements {
  return {
    "cli/installation.ts":
      'export const PACKAGE_DIR: string | undefined = undefined; export const COMMAND = "parley";',
    "cli/commands/example-files.ts": `
      const FILES = ${JSON.stringify(readExampleFiles())};
      export const EXAMPLES_FOLDER = undefined;
      export function readExampleFiles() { return FILES; }
    `,
    "engine/redis/connection/script-file.ts": `
      const FILES = new Map(${JSON.stringify(scripts())});
      export function readScriptFile(name: string): string {
        const text = FILES.get(name);
        if (text === undefined) throw new Error(\`There is no script \${name}.\`);
        return text;
      }
    `,
    "server/console-files.ts": `
      import { deserialize } from "bun:jsc";
      import { readFileSync } from "node:fs";
      import file from ${JSON.stringify(page)} with { type: "file" };
      import apiFile from ${JSON.stringify(apiPage)} with { type: "file" };
      export async function createPage() { return deserialize(readFileSync(file)); }
      export async function createApiPage() { return deserialize(readFileSync(apiFile)); }
    `,
  };
}

/** The scripts of Redis by their names, as readScriptFile takes them. */
function scripts(): [string, string][] {
  return readdirSync(LUA, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".lua"))
    .sort()
    .map((name) => [name.slice(0, -".lua".length), readFileSync(join(LUA, name), "utf8")]);
}

if (import.meta.main) {
  const path = process.argv[2] ?? join(ROOT, "dist/parley");
  await buildBinary(path);
  console.log(`wrote ${path}`);
}
