import { randomBytes } from "node:crypto";

/** A text that no other life of a store has had. */
export function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}
