import { join } from "node:path";
import type { PersonReader } from "../../../core/ports/person/person-store.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { openIndexReadOnly } from "../index/index-file.ts";
import { MessageLog } from "../messages/message-log.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "../open.ts";
import { INDEX_FILE, openStore, STORE_FILE } from "../schema.ts";
import { SqlitePersonReader } from "./person-reader.ts";

/** Opens what a data folder has about persons, for a command that reads it. A server may run on the folder. */
export function openPersonReader({ dataDir, sync, clock }: SqliteOptions): {
  persons: PersonReader;
  close(): Promise<void>;
} {
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  const path = join(dataDir, INDEX_FILE);
  const index = withFileErrors(path, () => openIndexReadOnly(path, db));
  const messages = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
  const persons = new SqlitePersonReader({ db, messages, now: () => clock.wall() });
  return {
    persons,
    async close() {
      messages.close();
      index.close();
      db.close();
    },
  };
}
