import { randomBytes } from "node:crypto";
import type { RedisClient } from "./client.ts";

/** Returns a random epoch, which no store has had before. */
export function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}

/** Returns the epoch of the store. If it has none, because it is empty, begins one. */
export async function ensureStoreEpoch({ commands, keys }: RedisClient): Promise<string | undefined> {
  const key = keys.globalKey("epoch");
  await commands.set(key, newEpoch(), "NX");
  return (await commands.get(key)) ?? undefined;
}
