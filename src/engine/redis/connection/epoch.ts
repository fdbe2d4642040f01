import { randomBytes } from "node:crypto";

/** Returns a text that no epoch of a store has had. */
export function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}
