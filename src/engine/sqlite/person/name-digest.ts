import type { Database } from "bun:sqlite";
import { createHmac } from "node:crypto";
import { readMeta } from "../schema.ts";

/**
 * Tokens that were issued to an erased person stay refused, and the store may not name the person: it keeps a keyed hash of the name.
 * The key is a secret of the store, so who has a copy of the table alone learns no name by guessing.
 */
export function nameDigest(db: Database, user: string): string {
  return createHmac("sha256", readMeta(db, "name_secret") ?? "")
    .update(`person ${user}`)
    .digest("base64url");
}

/** Whether the tokens issued at `issuedAt` are of a person who was erased later. */
export function isRevokedPerson(db: Database, user: string, issuedAt: number): boolean {
  const row = db
    .query("select 1 from revoked_person where digest = ? and before > ?")
    .get(nameDigest(db, user), issuedAt);
  return row !== null;
}
