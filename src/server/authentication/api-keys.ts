import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { ApiKey } from "../../core/access/api-keys.ts";

/** The prefix of each key. It distinguishes keys from tokens, and scanners for leaked secrets can find it. */
export const API_KEY_PREFIX = "pk_";

/** Returns a new key of 256 random bits. */
export function newApiKey(): string {
  return `${API_KEY_PREFIX}${randomBytes(32).toString("base64url")}`;
}

/** The form of a key in API_KEYS, in hex. So many random bits need no salt and no slow hash. */
export function hashOfApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** The entry of a presented key. Each entry is compared, and in equal time, so that the time reveals nothing. */
export function findApiKey(keys: readonly ApiKey[], presented: string): ApiKey | undefined {
  const hash = createHash("sha256").update(presented).digest();
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(Buffer.from(key.hash, "hex"), hash)) found = key;
  return found;
}
