// npm run build:client: writes the library into dist/client of the server's package, where `parley/client` finds it, as one ES
// module without imports, which a page without a bundler may load, too; and into dist/ of this package as one file a module, which
// packs smaller. Both have the same for `require` in cjs/.
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
import { writeModules } from "./modules.ts";
import { mapLines } from "./source-map.ts";

export const ROOT = join(import.meta.dir, "../..");

/** The folders that get the library, relative to the root, and what writes it. */
const FOLDERS: Readonly<Record<string, (folder: string) => unknown>> = {
  "packages/parley-client/dist": writeModules,
  "dist/client": writeBundle,
};

/**
 * Returns the library as one ES module, and its source map. It is published without minification, so that Node shows the
 * source line and the names in the stack of an uncaught error. Bundlers of pages minify it; the size is measured with
 * `minify`.
 */
export async function bundle(minify = false): Promise<{ readonly code: string; readonly map: string }> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, "src/client/index.ts")],
    root: ROOT,
    target: "browser",
    format: "esm",
    minify: minify || { syntax: true },
    sourcemap: "external",
  });
  const [code = "", map = ""] = await Promise.all(built.outputs.map((output) => output.text()));
  return { code: code.replace(/\n\/\/# debugId=.*\n?/, ""), map: publishedMap(map) };
}

/** Writes the bundle, its map and its form for `require` into `folder`. */
async function writeBundle(folder: string): Promise<void> {
  const { code, map } = await bundle();
  writeFileSync(join(folder, "index.js"), `${code.trimEnd()}\n//# sourceMappingURL=index.js.map\n`);
  writeFileSync(join(folder, "index.js.map"), map);
  writeFileSync(
    join(folder, "cjs/index.js"),
    `${asCommonJs(code).trimEnd()}\n//# sourceMappingURL=../index.js.map\n`,
  );
}

/**
 * Returns the same program for `require`. The module ends with its only export; the code before it keeps its position, so
 * that one source map serves both.
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

/** Returns the source map with paths relative to the project, so that it is the same on every machine. */
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
 * Makes the folder `to` a copy of `from`. An equal file is not touched, and a different one is replaced atomically: if two
 * `npm pack` run at once, as in the tests, each finds all files complete.
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
  const built = Object.entries(FOLDERS).map(([to, fill]) => ({
    to: join(ROOT, to),
    from: mkdtempSync(join(tmpdir(), "parley-build-")),
    fill,
  }));
  for (const { from } of built) {
    mkdirSync(join(from, "cjs"));
    // Makes the .js and .d.ts files of this folder CommonJS.
    writeFileSync(join(from, "cjs/package.json"), '{ "type": "commonjs" }\n');
  }
  writeDeclarations(built.flatMap(({ from }) => [from, join(from, "cjs")]));
  for (const { to, from, fill } of built) {
    await fill(from);
    mkdirSync(to, { recursive: true });
    replace(to, from);
    rmSync(from, { recursive: true });
  }
  console.log(`built ${built.map(({ to }) => relative(process.cwd(), to)).join(" and ")}`);
}
