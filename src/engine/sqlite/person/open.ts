import { join } from "node:path";
import type { Erasure } from "../../../core/person/erasure.ts";
import type { PersonReader, PersonStore } from "../../../core/ports/person/person-store.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { openIndexReadOnly } from "../index/index-file.ts";
import { MessageLog } from "../messages/message-log.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "../open.ts";
import { INDEX_FILE, openStore, STORE_FILE } from "../schema.ts";
import { ErasureTable } from "./erasure-table.ts";
import { SqlitePersonReader } from "./person-reader.ts";

/** Opens what a data folder has about persons, for a command that reads it or asks for an erasure. A server may run on the folder. */
export function openPersonReader({ dataDir, sync, clock }: SqliteOptions): {
  persons: PersonReader & Pick<PersonStore, "begin" | "find">;
  close(): Promise<void>;
} {
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  const path = join(dataDir, INDEX_FILE);
  const index = withFileErrors(path, () => openIndexReadOnly(path, db));
  const messages = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
  const reader = new SqlitePersonReader({ db, messages, now: () => clock.wall() });
  const erasures = new ErasureTable(db);
  // So that SQLite overwrites the name when its row is deleted.
  db.run("pragma secure_delete = on");
  const begin = db.transaction((erasure: Erasure) => erasures.begin(erasure));
  const persons = {
    read: (user: string, after?: string) => reader.read(user, after),
    begin: async (erasure: Erasure) => begin.immediate(erasure),
    find: async (id: string) => erasures.find(id),
  };
  return {
    persons,
    async close() {
      messages.close();
      index.close();
      db.close();
    },
  };
}
