import type { RedisClient } from "./client.ts";
import { isMissingRight, MissingRight } from "./faults.ts";
import { Script } from "./scripts.ts";

const script = new Script("rights");

/**
 * Rejects with MissingRight when the user may not run a command that Parley's scripts use, and with Redis's own error when
 * it takes no writes. A script that lacks a right ends where it has come to, and Redis does not undo it: so this is asked
 * before anything is written, and again when a call was refused.
 */
export async function checkRights(client: RedisClient, life: number): Promise<void> {
  const keys = [client.keys.ofAll("probe"), client.keys.ofAll("none")];
  const numsub = client.isSharded ? "SHARDNUMSUB" : "NUMSUB";
  const reply = (await script.run(client.commands, keys, [life, numsub])) as [string, string] | [];
  const [command, fault] = reply;
  if (command === undefined) return;
  throw isMissingRight(fault) ? new MissingRight(command.toLowerCase()) : new Error(fault);
}
