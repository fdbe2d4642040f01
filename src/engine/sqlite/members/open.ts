import { join } from "node:path";
import type { MemberStore } from "../../../core/ports/conversation/members.ts";
import { EventTable } from "../feed/event-table.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { openIndexReadOnly } from "../index/index-file.ts";
import { MessageLog } from "../messages/message-log.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "../open.ts";
import { INDEX_FILE, openStore, readLastPosition, STORE_FILE } from "../schema.ts";
import { SqliteMembers } from "./members.ts";

/** Opens the members of a data folder for a command. A server may run on the folder. */
export function openMembers({ dataDir, sync, clock, emit }: SqliteOptions): {
  members: MemberStore;
  close(): Promise<void>;
} {
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  const path = join(dataDir, INDEX_FILE);
  const index = withFileErrors(path, () => openIndexReadOnly(path, db));
  const messages = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
  const events = new EventTable(db, () => readLastPosition(db));
  const members = new SqliteMembers({
    ...{ db, messages, emit, events, now: () => clock.wall(), isCommand: true },
  });
  return {
    members,
    async close() {
      members.close();
      events.close();
      messages.close();
      index.close();
      db.close();
    },
  };
}
