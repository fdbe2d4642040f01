// npm run build:client: writes dist/ of this package, and the same files into dist/client of the server's, where
// `parley/client` finds them. index.js is one ES module without imports, cjs/index.js the same for `require`.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { writeDeclarations } from "./declarations.ts";
import { mapLines } from "./source-map.ts";

export const ROOT = join(import.meta.dir, "../..");

/** Where the packages have the library, from the root. */
const FOLDERS = ["packages/parley-client/dist", "dist/client"];

/**
 * The library as one ES module, and its source map. It is published as it is written: Node shows the line of an error that
 * nobody caught, and the names in its stack. Who builds a page minifies it there; the size is measured with `minify`.
 */
export async function bundle(minify = false): Promise<{ readonly code: string; readonly map: string }> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, "src/client/connect.ts")],
    root: ROOT,
    target: "browser",
    format: "esm",
    minify: minify || { syntax: true },
    sourcemap: "external",
  });
  const [code = "", map = ""] = await Promise.all(built.outputs.map((output) => output.text()));
  return { code: code.replace(/\n\/\/# debugId=.*\n?/, ""), map: publishedMap(map) };
}

/** Builds into `folder`, which is empty. */
async function build(folder: string): Promise<void> {
  mkdirSync(join(folder, "cjs"), { recursive: true });
  const { code, map } = await bundle();
  writeFileSync(join(folder, "index.js"), `${code.trimEnd()}\n//# sourceMappingURL=index.js.map\n`);
  writeFileSync(join(folder, "index.js.map"), map);
  writeFileSync(
    join(folder, "cjs/index.js"),
    `${asCommonJs(code).trimEnd()}\n//# sourceMappingURL=../index.js.map\n`,
  );
  // In its folder .js and .d.ts are CommonJS.
  writeFileSync(join(folder, "cjs/package.json"), '{ "type": "commonjs" }\n');
  writeDeclarations([folder, join(folder, "cjs")]);
}

/**
 * The same program for `require`. The module ends with its only export; what comes before it stands where it stood, so that
 * one source map serves both.
 */
function asCommonJs(code: string): string {
  const [all, names] = /export \{([^}]*)\};\s*$/.exec(code) ?? [];
  if (all === undefined) throw new Error("The bundle does not end with its export.");
  const exported = names!.split(",").map((name) => {
    const [local, , publicName = local] = name.trim().split(" ");
    return `exports.${publicName} = ${local};`;
  });
  return `"use strict";${code.slice(0, -all.length)}${exported.join("\n")}`;
}

/** The lines' sources, by their paths in the project, whatever machine builds it. */
function publishedMap(map: string): string {
  const { debugId: _, ...parsed } = JSON.parse(map) as {
    sources: string[];
    mappings: string;
    debugId?: string;
  };
  const sources = parsed.sources.map((path) => {
    const inProject = path.slice(path.indexOf("src/"));
    readFileSync(join(ROOT, inProject));
    return `parley-client/${inProject}`;
  });
  return JSON.stringify({ ...parsed, sources, mappings: mapLines(parsed.mappings) });
}

/**
 * Makes `to` hold what `from` holds. A file that is the same is left alone, and another one is put in place whole: two
 * `npm pack` at once, as in the tests, each find all files.
 */
function replace(to: string, from: string): void {
  const filesOf = (folder: string) =>
    (existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : []).filter((name) =>
      statSync(join(folder, name)).isFile(),
    );
  const files = filesOf(from);
  for (const name of files) {
    const [text, target] = [readFileSync(join(from, name), "utf8"), join(to, name)];
    if (existsSync(target) && readFileSync(target, "utf8") === text) continue;
    mkdirSync(dirname(target), { recursive: true });
    const whole = join(dirname(to), `.${process.pid}.building`);
    writeFileSync(whole, text);
    renameSync(whole, target);
  }
  for (const name of filesOf(to)) if (!files.includes(name)) rmSync(join(to, name));
}

if (import.meta.main) {
  const built = mkdtempSync(join(tmpdir(), "parley-build-"));
  await build(built);
  for (const folder of FOLDERS) {
    mkdirSync(join(ROOT, folder), { recursive: true });
    replace(join(ROOT, folder), built);
  }
  rmSync(built, { recursive: true });
  console.log(`built ${FOLDERS.map((folder) => relative(process.cwd(), join(ROOT, folder))).join(" and ")}`);
}
