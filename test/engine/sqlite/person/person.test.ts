import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ForgottenPart } from "../../../../src/core/ports/person/person-store.ts";
import { openMembers } from "../../../../src/engine/sqlite/members/open.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { erasureMeanwhileContract } from "../../../contracts/person/meanwhile.ts";
import { type PersonSubject, personContract } from "../../../contracts/person/person.ts";
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

async function open(): Promise<PersonSubject> {
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
}

personContract("SQLite", open);
erasureMeanwhileContract("SQLite", open);

test("PD2 the erasure of `a_b` keeps what commands have written about `axb` and `A_B`", async () => {
  await using folder = new StoreFolder();
  const store = await folder.open();
  const clock = systemClock();
  const command = openMembers({ dataDir: folder.path, clock, emit: folder.log.emit, sync: "normal" });
  for (const user of ["axb", "a_b", "A_B"]) {
    const { revision } = await command.members.read("lobby", []);
    const news = [{ type: "member", user, change: "added", role: "member", at: 1 }] as const;
    const standings = [{ user, role: "member" }] as const;
    expect(await command.members.change("lobby", revision, { standings, news })).toBe(true);
  }
  await command.close();
  for (let after: string | undefined = undefined; ; ) {
    const part: ForgottenPart = await store.persons.forget("a_b", after);
    if (part.next === undefined) break;
    after = part.next;
  }
  using db = folder.connect();
  const rows = db.query("select news from member_news order by position").all() as { news: string }[];
  expect(rows.map(({ news }) => JSON.parse(news)[0].user)).toEqual(["axb", "A_B"]);
});
