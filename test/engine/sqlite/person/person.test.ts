import type { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { personContract } from "../../../contracts/person/person.ts";
import { StoreFolder } from "../store-folder.ts";

/** `table.column` of each column that holds a text, and the file of each copy that no row has. */
function placesOf(folder: StoreFolder, text: string): string[] {
  const places: string[] = [];
  for (const file of [folder.storeFile, folder.indexFile]) {
    using db: Database = folder.connect(file);
    const tables = db.query("select name from sqlite_schema where type = 'table'").all() as {
      name: string;
    }[];
    for (const { name } of tables) {
      const columns = db.query(`pragma table_info("${name}")`).all() as { name: string }[];
      for (const column of columns) {
        const found = db
          .query(`select 1 from "${name}" where instr(cast("${column.name}" as text), ?) > 0 limit 1`)
          .get(text);
        if (found !== null) places.push(`${name}.${column.name}`);
      }
    }
  }
  if (places.length > 0) return places;
  const bytes = Buffer.from(text);
  return readdirSync(folder.path).filter((file) => readFileSync(join(folder.path, file)).includes(bytes));
}

personContract("SQLite", async () => {
  const folder = new StoreFolder();
  const store = await folder.open(systemClock());
  return {
    store,
    async removeConversation(name) {
      const options = {
        dataDir: folder.path,
        clock: systemClock(),
        emit: folder.log.emit,
        sync: "normal" as const,
      };
      const command = openConversations(options);
      await command.remove(name);
      await command.close();
      await store.applyRetention();
    },
    placesOf: async (text) => placesOf(folder, text),
    inventory: "SQLite",
    close: () => folder[Symbol.asyncDispose](),
  };
});
