import { createHash } from "node:crypto";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Script } from "../../../../src/engine/redis/connection/script.ts";

/** Commands that change something. */
const WRITES =
  "SET DEL UNLINK GETDEL PEXPIRE PERSIST RENAME HSET HSETNX HDEL HINCRBY LREM LTRIM LPOP RPOP RPUSH XTRIM XADD ZADD ZREM SADD SREM SUNIONSTORE PUBLISH SPUBLISH";

/** Prefix of a script that lets its `number`th write fail, as for a user without permission for that command. */
const prelude = (number: number) => `
local real, writes = redis, {}
for name in string.gmatch('${WRITES}', '%a+') do writes[name] = true end
local count = 0
local function fails(name)
  if writes[name] then count = count + 1 end
  return writes[name] and count == ${number}
end
local redis = {
  call = function(name, ...)
    if fails(name) then error("BROKEN OFF: The user executing the script can't run this command") end
    return real.call(name, ...)
  end,
  pcall = function(name, ...)
    if fails(name) then return { err = "BROKEN OFF: The user executing the script can't run this command" } end
    return real.pcall(name, ...)
  end,
}
`;

interface Breakable {
  readonly source: string;
  readonly sha: string;
}

/** Has scripts of one client end at a write of their own. */
export class InterruptedScripts {
  /** The next interruption: a script's name and the number of the write that fails; undefined: none. */
  next: { readonly script: string; readonly write: number } | undefined;
  /** Whether it ended. */
  happened = false;

  constructor(client: RedisClient) {
    const { run, runDurably } = client;
    const watched =
      <Rest extends unknown[]>(original: (script: Script, ...rest: Rest) => Promise<unknown>) =>
      async (script: Script, ...rest: Rest) => {
        const { next } = this;
        if (next === undefined || !isSameScript(script, next.script))
          return original.call(client, script, ...rest);
        this.next = undefined;
        try {
          return await original.call(client, interrupted(script, next.write), ...rest);
        } catch (error) {
          this.happened ||= String(error).includes("BROKEN OFF");
          throw error;
        }
      };
    client.run = watched(run);
    client.runDurably = watched(runDurably);
  }
}

/** Whether `script` is the one in the file `name`. */
export function isSameScript(script: Script, name: string): boolean {
  return sourceOf(script) === sourceOf(new Script(name));
}

function sourceOf(script: Script): string {
  return (script as unknown as Breakable).source;
}

function interrupted(script: Script, number: number): Script {
  const source = prelude(number) + sourceOf(script);
  const sha = createHash("sha1").update(source).digest("hex");
  return Object.assign(Object.create(Script.prototype), { source, sha }) as Script;
}
