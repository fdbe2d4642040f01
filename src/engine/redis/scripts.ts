import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster, Redis } from "ioredis";

/** A Lua script in `lua/`, run by its hash. */
export class Script {
  private readonly source: string;
  private readonly sha: string;

  /** `name` is the file without `.lua`; a line `-- include other` in it is replaced by `other.lua`. */
  constructor(name: string) {
    this.source = read(name);
    this.sha = createHash("sha1").update(this.source).digest("hex");
  }

  /** Runs it on keys of one slot. Bulk replies are texts. */
  async run(
    client: Redis | Cluster,
    keys: readonly string[],
    arguments_: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const rest = [...keys, ...arguments_];
    try {
      return await client.evalsha(this.sha, keys.length, ...rest);
    } catch (error) {
      // A Redis that was restarted, or a replica that took over, may not know the script.
      if (!String(error).includes("NOSCRIPT")) throw error;
      return client.eval(this.source, keys.length, ...rest);
    }
  }
}

function read(name: string): string {
  const text = readFileSync(join(import.meta.dir, "lua", `${name}.lua`), "utf8");
  return text.replace(/^-- include (\w+)$/gm, (_, other: string) => read(other));
}
