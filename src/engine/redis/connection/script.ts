import { createHash } from "node:crypto";
import { type Cluster, Command, type Redis } from "ioredis";
import { readScriptFile } from "./script-file.ts";

/** A Lua script in `lua/`, which is run by its hash. */
export class Script {
  private readonly source: string;
  private readonly sha: string;

  /** `name` is the file without `.lua`; a line `-- include other` in it is replaced by `other.lua`. */
  constructor(name: string) {
    this.source = readSource(name);
    this.sha = createHash("sha1").update(this.source).digest("hex");
  }

  /** Runs the script. All keys MUST be in one slot. Bulk replies are returned as texts. */
  async run(
    client: Redis | Cluster,
    keys: readonly string[],
    arguments_: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...arguments_] as const;
    try {
      return await client.evalsha(this.sha, ...rest);
    } catch (error) {
      // A Redis that was restarted, or a replica that has become primary, may not have the script.
      if (hasErrorCode(error, "NOSCRIPT")) return client.eval(this.source, ...rest);
      if (!hasErrorCode(error, "MOVED", "ASK", "TRYAGAIN")) throw error;
      // ioredis follows a slot to its new primary only for a command that is alone in its pipeline.
      return client.sendCommand(new Command("eval", [this.source, ...rest], { replyEncoding: "utf8" }));
    }
  }

  /** Runs the script, and rejects unless a replica has its writes within `timeoutMs`. */
  async runReplicated(
    client: Redis | Cluster,
    keys: readonly string[],
    arguments_: readonly (string | number)[],
    timeoutMs: number,
  ): Promise<unknown> {
    const rest = [...keys, ...arguments_];
    // One pipeline, because WAIT only covers the writes of its own connection.
    let replies = await client
      .pipeline()
      .evalsha(this.sha, keys.length, ...rest)
      .wait(1, timeoutMs)
      .exec();
    if (hasErrorCode(replies?.[0]?.[0], "NOSCRIPT"))
      replies = await client
        .pipeline()
        .eval(this.source, keys.length, ...rest)
        .wait(1, timeoutMs)
        .exec();
    const [reply, replicas] = replies ?? [];
    const error = reply?.[0] ?? replicas?.[0];
    if (error) throw error;
    if (!(Number(replicas?.[1]) >= 1)) throw new Error(`no replica had it within ${timeoutMs} ms`);
    return reply?.[1];
  }
}

/** Whether Redis refused a command with one of these codes, so that the command did not run. */
function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.some((code) => error.message.startsWith(`${code} `));
}

function readSource(name: string): string {
  return readScriptFile(name).replace(/^-- include ([\w/-]+)$/gm, (_, other: string) => readSource(other));
}
