import { createHash } from "node:crypto";
import { isIdentifier } from "../protocol/identifiers.ts";

/**
 * A name as it is remembered: itself where it can be a user's, else its SHA-256. What is typed where a name belongs can be
 * as long as a body, and 50,000 of those would be a gigabyte (B3). No name holds a `#`.
 */
export function boundedName(name: string): string {
  return isIdentifier(name) ? name : `#${createHash("sha256").update(name).digest("hex")}`;
}
