import type { Database } from "bun:sqlite";
import type { SigningKeyStore } from "../../../core/ports/store.ts";
import { readMeta } from "../schema.ts";

/** The port for digests of signing keys on SQLite: one value of the table `meta`. */
export class SqliteSigningKeys implements SigningKeyStore {
  constructor(private readonly db: Database) {}

  async read(): Promise<readonly string[]> {
    return readMeta(this.db, "signing_keys")?.split(" ") ?? [];
  }

  async write(digests: readonly string[]): Promise<void> {
    this.db.query("insert or replace into meta values ('signing_keys', ?)").run(digests.join(" "));
  }
}
