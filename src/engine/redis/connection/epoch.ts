import { randomBytes } from "node:crypto";

/** Returns a random epoch, which no store has had before. */
export function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}
