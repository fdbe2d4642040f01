import type { Cluster, Redis } from "ioredis";
import { isMissingPermission, MissingPermission } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { Script } from "./script.ts";

/** The part of RedisClient that is needed here. */
export interface PermissionTarget {
  readonly commands: Redis | Cluster;
  readonly keys: Keys;
  readonly isSharded: boolean;
}

const script = new Script("connection/check-permissions");

/**
 * Rejects with MissingPermission if the user may not run a command that Parley's scripts use, and with the error of Redis if it
 * accepts no writes. A script that lacks a permission ends at that command, and Redis does not undo its earlier writes. So this
 * is checked before the first write, and again when Redis has refused a call.
 */
export async function checkPermissions(client: PermissionTarget, ttlMs: number): Promise<void> {
  const keys = [client.keys.globalKey("probe"), client.keys.globalKey("none")];
  const numsub = client.isSharded ? "SHARDNUMSUB" : "NUMSUB";
  const reply = (await script.run(client.commands, keys, [ttlMs, numsub])) as [string, string] | [];
  const [command, error] = reply;
  if (command === undefined) return;
  throw isMissingPermission(error) ? new MissingPermission(command.toLowerCase()) : new Error(error);
}
