// The store of every earlier version opens with all its data (docs/OPERATIONS.md, Updating). The stores were written by the servers of
// their time (make.ts).
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockFolder } from "../../../../src/engine/sqlite/folder/lock.ts";
import { SCHEMA_VERSION } from "../../../../src/engine/sqlite/migrations.ts";
import { beginSqliteEpoch } from "../../../../src/engine/sqlite/new-epoch.ts";
import { openAccounts } from "../../../../src/engine/sqlite/open.ts";
import {
  forgetUpgradeCopies,
  OlderServerRuns,
  StoreTooNew,
  UPGRADE_COPY_MS,
} from "../../../../src/engine/sqlite/upgrade/upgrade.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { StoreFolder } from "../store-folder.ts";
import { MESSAGES, readStores, storeFile } from "./stores.ts";

function unpack(folder: StoreFolder, version: number): void {
  writeFileSync(folder.storeFile, Bun.gunzipSync(readFileSync(storeFile(version))));
}

const copiesIn = (folder: StoreFolder) =>
  readdirSync(folder.path).filter((name) => name.startsWith("parley-schema-"));
const versionOf = (path: string) => {
  using db = new Database(path, { readonly: true });
  return db.query("pragma user_version").values()[0]![0];
};

const stores = readStores();

test("OP6 there is a store of every version of the tables", () => {
  // A new version needs a store of the one before it: run make.ts.
  const versions = stores.map(({ version }) => version).filter((version) => version < SCHEMA_VERSION);
  expect(versions).toEqual(Array.from({ length: SCHEMA_VERSION - 1 }, (_, i) => i + 1));
});

for (const old of stores) {
  test(`OP6 D2 a store of version ${old.version} opens with its messages, accounts and marks, and takes a message`, async () => {
    await using folder = new StoreFolder();
    unpack(folder, old.version);
    const subject = await Subject.open(async (clock) => {
      const store = await folder.open(clock);
      expect((await store.accounts.list()).map(({ user }) => user)).toEqual(["user1", "user2", "user3"]);
      expect(await store.accounts.find("user1")).toMatchObject({ demo: true, disabled: false });
      expect((await store.revocations.list(10))?.items).toHaveLength(old.revoked ? 1 : 0);
      expect((await store.apiKeys.list()).map(({ name }) => name)).toEqual(old.apiKey ? ["crm"] : []);
      expect(await store.webhooks.list()).toHaveLength(old.webhook ? 1 : 0);
      const { standings } = await store.members.read("team", ["user2"]);
      expect(standings.get("user2")?.role).toBe(old.member ? "owner" : undefined);
      const reopen = () => Promise.reject(new Error("not here"));
      return {
        engine: store.engine,
        reopen,
        clean: () => store.applyRetention(),
        close: () => store.close(),
      };
    });
    const expected: object[] = MESSAGES.map((message, i) => ({
      seq: i + 1,
      id: `m${i + 1}`,
      from: "user1",
      ...message,
    }));
    if (old.edited) expected[0] = { ...expected[0], text: "edited", edited: expect.any(Object) };
    if (old.erased) expected[1] = { seq: 2, id: "m2", text: "", erased: expect.any(Object) };
    if (old.reacted) expected[2] = { ...expected[2], reactions: expect.any(Object) };
    expect((await subject.read({ conversation: "lobby" })).messages).toMatchObject(expected);
    expect((await subject.engine.readMarks("lobby", ["user1"])).get("user1")).toBe(
      old.marked ? 2 : undefined,
    );
    // As a repeat of what was stored then it is known, and another one gets the next number.
    const again = { conversation: "lobby", user: "user1", text: "good bye", limit: 0 };
    expect(await subject.post("m4", again)).toMatchObject({ outcome: "duplicate", seq: 4 });
    expect(await subject.store("m5", again)).toMatchObject({ seq: 5 });
    await subject[Symbol.asyncDispose]();

    const copies = copiesIn(folder);
    expect(folder.log.events().includes("store.upgraded")).toBe(old.version < SCHEMA_VERSION);
    expect(copies).toHaveLength(old.version < SCHEMA_VERSION ? 1 : 0);
    for (const copy of copies) expect(versionOf(join(folder.path, copy))).toBe(old.version);
    expect(versionOf(folder.storeFile)).toBe(SCHEMA_VERSION);
  });
}

test("OP6 a command leaves an older store alone while a server runs on it, and else upgrades it with a copy, too", async () => {
  await using folder = new StoreFolder();
  unpack(folder, 5);
  const open = () =>
    openAccounts({ dataDir: folder.path, clock: new ManualClock(), emit: folder.log.emit, sync: "normal" });
  const lock = lockFolder(folder.path);
  expect(open).toThrow(OlderServerRuns);
  expect([versionOf(folder.storeFile), copiesIn(folder)]).toEqual([5, []]);
  lock.release();
  const { accounts, close } = open();
  expect(await accounts.list()).toHaveLength(3);
  close();
  expect([versionOf(folder.storeFile), copiesIn(folder).length]).toEqual([SCHEMA_VERSION, 1]);
});

test("OP6 D5 a new epoch begins on a restored copy of an older version, too", async () => {
  await using folder = new StoreFolder();
  unpack(folder, 5);
  beginSqliteEpoch({ dataDir: folder.path });
  expect([versionOf(folder.storeFile), copiesIn(folder).length]).toEqual([SCHEMA_VERSION, 1]);
});

test("OP6 the copy of an upgrade is deleted after seven days, also while the server runs, and an older server refuses a newer store", async () => {
  await using folder = new StoreFolder();
  unpack(folder, 5);
  const clock = new ManualClock();
  await (await folder.open(clock)).close();
  const [copy] = copiesIn(folder);
  const makeOlder = (age: number) =>
    utimesSync(join(folder.path, copy!), new Date(), new Date(clock.now() - age));
  makeOlder(UPGRADE_COPY_MS - 3_600_000);
  const store = await folder.open(clock);
  expect(copiesIn(folder)).toEqual([copy!]);
  await store.close();
  // A server that runs on looks each hour.
  const stop = forgetUpgradeCopies(folder.path, clock, folder.log.emit);
  clock.advance(3_600_000);
  stop();
  expect(copiesIn(folder)).toEqual([]);
  expect(folder.log.events()).toContain("store.upgrade_copy_deleted");

  {
    using db = folder.connect();
    db.run(`pragma user_version = ${SCHEMA_VERSION + 1}`);
  }
  const refusal = folder.open(clock);
  await expect(refusal).rejects.toThrow(StoreTooNew);
  await expect(refusal).rejects.toThrow(
    `was written by a newer Parley (schema ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION}): update Parley, or put back the copy`,
  );
});
