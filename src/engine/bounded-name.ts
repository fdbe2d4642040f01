import { createHash } from "node:crypto";
import { isIdentifier } from "../protocol/identifiers.ts";

/**
 * Returns the key under which a submitted user name is kept in memory: the name itself if it is a valid identifier, else `#` and its
 * SHA-256. A submitted name can be as long as a request body, and 50,000 of those would take a gigabyte (B3). Identifiers
 * contain no `#`, so a digest never equals a name.
 */
export function boundedName(name: string): string {
  return isIdentifier(name) ? name : `#${createHash("sha256").update(name).digest("hex")}`;
}
