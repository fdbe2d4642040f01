import { readFileSync } from "node:fs";
import { join } from "node:path";

// A module of its own, because the single binary has the files in itself and replaces it (packages/binary/build.ts).

/** Returns the source of a script; `name` is its path below `src/engine/redis/lua`, without `.lua`. */
export function readScriptFile(name: string): string {
  return readFileSync(join(import.meta.dir, "../lua", `${name}.lua`), "utf8");
}
