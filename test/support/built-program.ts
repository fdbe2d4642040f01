import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const SOURCES = join(import.meta.dir, "../../src");

/**
 * The command line as one file in `folder`, made of the sources as they are, with its bytecode; returns its path. It starts in a
 * third of the processor time that some hundred files take, and the tests start it some hundred times.
 */
export async function buildProgram(folder: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(SOURCES, "cli/main.ts")],
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
            contents: readFileSync(path, "utf8")
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
