import { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { MigrationSource } from "../../../core/migration/ports.ts";
import type { MigrationSize, UserRecord } from "../../../core/migration/records.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { lockForMove } from "../folder/moving.ts";
import { readVersion, SCHEMA_VERSION } from "../migrations.ts";
import { readMeta, STORE_FILE } from "../schema.ts";
import { StoreTooNew } from "../upgrade/upgrade.ts";
import { readConversations } from "./conversation-reader.ts";
import { readMessages } from "./message-rows.ts";
import { readStoreRecords } from "./store-records.ts";
import { type Survey, surveyStore } from "./survey.ts";
import { readUsers } from "./user-reader.ts";

/** Raised where the store has to be opened by a server of this version first. */
export class StoreTooOld extends Error {}

/**
 * Opens the store of a folder for a migration, which reads it and writes nothing. With `lock` no server can run on it meanwhile, and
 * commands refuse to write to it; throws StoreInUse where a server runs. Throws StoreTooNew, and StoreTooOld.
 */
export function openMigrationSource(dataDir: string, { lock }: { readonly lock: boolean }): SqliteSource {
  const held = lock ? lockForMove(dataDir) : undefined;
  const path = join(dataDir, STORE_FILE);
  try {
    // Before it is opened: a connection makes files of its own.
    const fingerprint = fingerprintOf(path);
    const db = withFileErrors(path, () => new Database(path, { readonly: true, strict: true }));
    const version = readVersion(db);
    if (version > SCHEMA_VERSION) throw new StoreTooNew(path, version);
    if (version < SCHEMA_VERSION) {
      db.close();
      throw new StoreTooOld(`${path} has tables of an older version (${version}).`);
    }
    return new SqliteSource(db, path, fingerprint, () => held?.release());
  } catch (error) {
    held?.release();
    throw error;
  }
}

/** A text that changes when something is written to the store, or the file is copied. */
function fingerprintOf(path: string): string {
  const file = statSync(path);
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return `${file.size} ${file.mtimeMs} ${log}`;
}

/** The embedded store as the source of a migration. */
export class SqliteSource implements MigrationSource {
  readonly id: string;
  readonly epoch: string;
  private found: Survey | undefined;

  constructor(
    private readonly db: Database,
    private readonly path: string,
    readonly fingerprint: string,
    private readonly release: () => void,
  ) {
    const secrets = `${readMeta(db, "seed")} ${readMeta(db, "name_secret")}`;
    this.id = createHash("sha256").update(`migration ${secrets}`).digest("hex").slice(0, 24);
    this.epoch = readMeta(db, "epoch")!;
  }

  async survey(retention: RetentionLimits, now: number): Promise<MigrationSize> {
    this.found = await surveyStore(this.db, retention, now);
    return this.found.size;
  }

  isChanged(): boolean {
    return fingerprintOf(this.path) !== this.fingerprint;
  }

  /** Returns the number of streams that are open. */
  openStreams(): number {
    return (this.db.query("select count(*) as count from stream").get() as { count: number }).count;
  }

  messages(after: number) {
    return readMessages(this.db, this.surveyed, after);
  }

  conversations(after: number) {
    return readConversations(this.db, this.surveyed, after);
  }

  users(after: string): Iterable<UserRecord> {
    return readUsers(this.db, this.surveyed.now, after);
  }

  rest() {
    return readStoreRecords(this.db, this.surveyed.now);
  }

  close(): void {
    this.db.close();
    this.release();
  }

  private get surveyed(): Survey {
    if (this.found === undefined) throw new Error("survey was not called.");
    return this.found;
  }
}
