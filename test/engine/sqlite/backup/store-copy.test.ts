// A copy of a store that changes while it is made has the state of one moment (OP3).
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StoreCopy } from "../../../../src/engine/sqlite/backup/store-copy.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { StoreFolder } from "../store-folder.ts";

/** So many that the copy takes several parts. */
const MESSAGES = 2_500;

async function open(folder: StoreFolder) {
  const store = await folder.open(systemClock());
  const reopen = () => Promise.reject(new Error("not here"));
  const subject = await Subject.open(async () => ({
    ...{ engine: store.engine, reopen, clean: () => store.applyRetention(), close: () => store.close() },
  }));
  return { store, subject, changes: new ChangeSubject(subject) };
}

/** Removes a conversation, as the command does. */
async function remove(folder: StoreFolder, conversation: string): Promise<void> {
  const { path: dataDir, log } = folder;
  const command = openConversations({ dataDir, clock: systemClock(), emit: log.emit, sync: "normal" });
  await command.remove(conversation);
  await command.close();
}

/** All rows of all tables, but for facts that only a running server has. */
function rowsOf(path: string): Record<string, unknown[][]> {
  using db = new Database(path, { readonly: true });
  const tables = db.query("select name, sql from sqlite_schema order by name").all() as {
    name: string;
    sql: string | null;
  }[];
  const rows: Record<string, unknown[][]> = { schema: tables.map(({ name, sql }) => [name, sql]) };
  for (const { name, sql } of tables) {
    if (!sql?.startsWith("CREATE TABLE") && !sql?.startsWith("create table")) continue;
    const where = name === "meta" ? "where key not in ('erasing', 'running_since_boot')" : "";
    rows[name] = db.query(`select * from "${name}" ${where} order by 1, 2`).values();
  }
  return rows;
}

test("OP3 a copy has the state of one moment, though messages were posted, edited, erased and removed during it", async () => {
  await using folder = new StoreFolder();
  const { store, subject, changes } = await open(folder);
  await subject.fill(MESSAGES, { limit: 0, user: "bob" });
  for (let i = 0; i < 5; i++)
    await subject.store(`gone ${i}`, { conversation: "gone", text: "REMOVED text" });
  await subject.store("secret", { text: "SECRET text" });
  await changes.edit(2, "edited before", { user: "bob" });

  const target = join(folder.path, "copy.db");
  const copy = new StoreCopy(folder.storeFile, target);
  let parts = 0;
  let largest = 0;
  await copy.copyInParts(async (share) => {
    expect(share).toBeGreaterThan(0);
    largest = Math.max(largest, share);
    // When all messages are copied, and then some things change.
    if (++parts !== 4) return;
    await changes.edit(1, "edited during the copy", { user: "bob" });
    await changes.erase(MESSAGES + 1);
    await changes.react(3, "👍");
    await changes.edit(2, "edited again", { user: "bob" });
    await subject.engine.setReadMark("room", "anna", 7);
    await subject.store("new", { text: "posted during the copy" });
    await remove(folder, "gone");
    await store.applyRetention();
  });
  expect(parts).toBeGreaterThan(4);
  // What came after the last part may be left to the rest.
  expect(largest).toBeGreaterThan(0.99);
  expect(largest).toBeLessThanOrEqual(1);
  await subject.store("last", { text: "posted before the last part" });
  await changes.react(4, "🎉");
  expect(copy.copyRest()).toBe(true);
  const source = rowsOf(folder.storeFile);
  const { counts } = copy.finish();
  copy.close();

  const copied = rowsOf(target);
  for (const table of Object.keys(source)) expect([table, copied[table]]).toEqual([table, source[table]]);
  expect(copied.change!.length).toBeGreaterThan(4);
  expect(counts).toEqual({ messages: MESSAGES + 3, conversations: 2, members: 0, accounts: 0 });
  // Erased is erased, also between the rows.
  const bytes = readFileSync(target);
  for (const text of ["SECRET", "REMOVED", "edited before"])
    expect([text, bytes.includes(text)]).toEqual([text, false]);
  expect(bytes.includes("edited during the copy")).toBe(true);
});

test("OP3 PD2 a copy begins again when the data of a person was erased, or an epoch began, during it", async () => {
  await using folder = new StoreFolder();
  const { subject } = await open(folder);
  await subject.fill(10);
  const whileCopying = async (change: (db: Database) => void) => {
    const copy = new StoreCopy(folder.storeFile, `${folder.storeFile}-${crypto.randomUUID()}`);
    await copy.copyInParts(() => {});
    using db = folder.connect();
    change(db);
    const isWhole = copy.copyRest();
    copy.close();
    return isWhole;
  };
  expect(await whileCopying(() => {})).toBe(true);
  expect(
    await whileCopying((db) => db.run("insert into erasure values ('e', 5, '{\"step\":\"messages\"}')")),
  ).toBe(false);
  expect(await whileCopying(() => {})).toBe(true);
  expect(await whileCopying((db) => db.run('update erasure set record = \'{"step":"purge"}\''))).toBe(false);
  expect(await whileCopying((db) => db.run("update meta set value = 'other' where key = 'epoch'"))).toBe(
    false,
  );
});
