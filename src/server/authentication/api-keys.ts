import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { ApiKey } from "../../core/access/api-keys.ts";

/** The prefix of each key. It distinguishes keys from tokens, and scanners for leaked secrets can find it. */
export const API_KEY_PREFIX = "pk_";

/** Returns a new key of 256 random bits. */
export function newApiKey(): string {
  return `${API_KEY_PREFIX}${randomBytes(32).toString("base64url")}`;
}

/** Returns the form of a key in API_KEYS: its SHA-256 in hex. A key of 256 random bits needs no salt and no slow hash. */
export function hashOfApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Returns the entry of a presented key. All entries are compared, in constant time, so that the time reveals no part of a key. */
export function findApiKey(keys: readonly ApiKey[], presented: string): ApiKey | undefined {
  const hash = createHash("sha256").update(presented).digest();
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(Buffer.from(key.hash, "hex"), hash)) found = key;
  return found;
}
