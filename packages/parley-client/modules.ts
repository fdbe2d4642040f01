// The library as one file a module, for parley-client: bundlers and Node load it, and nobody copies it beside a page.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { compile, publishedName } from "./compiler.ts";
import { mapLines } from "./source-map.ts";

/**
 * Writes each module of the library into `folder`, and once more as CommonJS into `folder`/cjs. Line n of the second is line n of
 * the first, so that both have one source map. The sources themselves are not in the maps: the files are not minified, and a map
 * gives the names and lines of the sources. npm packs files of one name beside each other, where the second is compressed to
 * almost nothing; no file may be longer than the 32 KiB that the compression looks back.
 */
export function writeModules(folder: string): void {
  const compiled = mkdtempSync(join(tmpdir(), "parley-modules-"));
  compile(compiled, ["--module", "ESNext", "--removeComments", "--sourceMap"]);
  const names = new Set(["client/index"]);
  // Iterating a set also visits the items that are added meanwhile.
  for (const name of names) {
    const [code = ""] = readFileSync(join(compiled, `${name}.js`), "utf8").split("\n//# sourceMappingURL=");
    const published = code.replace(/^((?:import|export) .* from )"(.*)\.js";$/gm, (_, start, specifier) => {
      const imported = posix.join(posix.dirname(name), specifier);
      names.add(imported);
      return `${start}"${pathBetween(publishedName(name), publishedName(imported))}.js";`;
    });
    const at = publishedName(name);
    write(join(folder, `${at}.js`), published, `${posix.basename(at)}.js.map`);
    write(join(folder, `cjs/${at}.js`), asCommonJs(published), `${pathBetween(`cjs/${at}`, at)}.js.map`);
    const map = JSON.parse(readFileSync(join(compiled, `${name}.js.map`), "utf8")) as { mappings: string };
    const sources = [`parley-client/src/${name}.ts`];
    const json = { ...map, sourceRoot: undefined, sources, mappings: mapLines(map.mappings) };
    writeFileSync(join(folder, `${at}.js.map`), JSON.stringify(json));
  }
  rmSync(compiled, { recursive: true });
}

function write(path: string, code: string, map: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${code.trimEnd()}\n//# sourceMappingURL=${map}\n`);
}

/** Returns the specifier with which the file `from` imports the file `to`. */
function pathBetween(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

/**
 * Returns the module for `require`, line by line. The compiler writes each import, and each export without its value, on one line,
 * and no module exports what it assigns later.
 */
function asCommonJs(code: string): string {
  const exported: string[] = [];
  const text = code
    .replace(/^import \{(.*)\} from (".*");$/gm, (_, names: string, specifier: string) => {
      return `const {${names.replaceAll(" as ", ": ")}} = require(${specifier});`;
    })
    .replace(/^export \{(.*)\} from (".*");$/gm, (_, names: string, specifier: string) =>
      names
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "")
        .map((name) => `exports.${name} = require(${specifier}).${name};`)
        .join(" "),
    )
    .replace(/^export ((?:async )?(?:function|class|const) (\w+))/gm, (_, declared: string, name: string) => {
      exported.push(`exports.${name} = ${name};`);
      return declared;
    });
  const left = /^(?:import|export) .*/m.exec(text);
  if (left !== null) throw new Error(`This line has no form in CommonJS: ${left[0]}`);
  return `"use strict"; ${[text.trimEnd(), ...exported].join("\n")}`;
}
