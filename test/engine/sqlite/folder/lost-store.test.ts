// What a start reports when files of the folder are missing, are not files, or are damaged: one sentence with the file,
// the cause and the remedy. A missing store is never replaced by an empty one silently (D5).
import { expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { FileUnusable } from "../../../../src/engine/sqlite/folder/folder-files.ts";
import { inspectStore } from "../../../../src/engine/sqlite/inspect.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { beginSqliteEpoch } from "../../../../src/engine/sqlite/new-epoch.ts";
import { openAccounts } from "../../../../src/engine/sqlite/open.ts";
import { messageContent } from "../../../support/entries.ts";
import { accountOf } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { StoreFolder } from "../store-folder.ts";

/** A folder in which a server has stored `count` messages and an account, and stopped. */
async function usedFolder(count = 30): Promise<StoreFolder> {
  const folder = new StoreFolder();
  const store = await folder.open();
  await store.accounts.add(accountOf("anna"));
  for (let i = 1; i <= count; i++)
    await new Promise((done) =>
      store.engine.post(
        { conversation: "room", user: "anna", id: String(i), ...messageContent(""), limit: 0 },
        done,
      ),
    );
  await store.close();
  return folder;
}

/** All that opens a store. */
function openings(folder: StoreFolder): (() => unknown)[] {
  const options = {
    dataDir: folder.path,
    clock: new ManualClock(),
    emit: folder.log.emit,
    sync: "normal" as const,
  };
  return [
    () => folder.open(),
    () => openAccounts(options),
    () => openConversations(options),
    () => beginSqliteEpoch(options),
    () => inspectStore(folder.path, { maxFullCheckBytes: 1e9, timeoutMs: 100 }),
  ];
}

async function refusalOf(open: () => unknown): Promise<FileUnusable> {
  const error = await Promise.try(open).then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(FileUnusable);
  return error;
}

const LOSSES: Readonly<Record<string, (path: string) => void>> = {
  "is empty": (path) => truncateSync(path, 0),
  "is gone": (path) => rmSync(path),
};

test.each(Object.entries(LOSSES))(
  "D5 a store that %s, while its other files exist, is refused instead of recreated; a restored copy is opened",
  async (how, lose) => {
    // The server had started without history, with only the demo accounts, and without a log line.
    await using folder = await usedFolder();
    const copy = join(folder.path, "copy");
    copyFileSync(folder.storeFile, copy);
    lose(folder.storeFile);
    for (const open of openings(folder)) {
      const { message } = await refusalOf(open);
      expect(message).toContain(
        `${folder.storeFile} ${how}, but a store was here: parley.end and parley-index.db`,
      );
      expect(message).toContain("Put a copy of parley.db back");
    }
    expect(statSync(folder.storeFile, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
    copyFileSync(copy, folder.storeFile);
    const store = await folder.open();
    expect((await store.engine.head("room")).seq).toBe(30);
    expect(await store.accounts.list()).toHaveLength(1);
  },
);

test("D5 the write-ahead log of a missing store is kept, and the advice to start over works", async () => {
  // SQLite deletes it as soon as an empty file is opened next to it.
  await using folder = await usedFolder();
  const log = `${folder.storeFile}-wal`;
  writeFileSync(log, "the last messages");
  rmSync(folder.storeFile);
  expect((await refusalOf(() => folder.open())).message).toContain("parley.db-wal");
  expect(existsSync(log)).toBe(true);
  for (const name of ["parley.end", "parley-index.db", "parley.db-wal"]) rmSync(join(folder.path, name));
  expect((await folder.open()).engine.ready()).toBe(true);
});

test("D5 a store that differs from the last one in the folder begins a new epoch, which is logged", async () => {
  await using folder = await usedFolder(1);
  await using other = await usedFolder(5);
  copyFileSync(other.storeFile, folder.storeFile);
  using db = other.connect();
  const row = db.query("select value from meta where key = 'epoch'").get() as { value: string };
  const { engine } = await folder.open();
  expect((await engine.head("room")).epoch).not.toContain(row.value);
  expect(folder.log.events()).toContain("store.replaced");
});

test("a store that lost all its tables gets no demo accounts", async () => {
  await using folder = await usedFolder();
  rmSync(folder.storeFile);
  folder.connect().run("pragma journal_mode = wal");
  const store = await folder.open();
  expect(folder.log.events()).toContain("store.tail_lost");
  expect(await store.accounts.seed([accountOf("user1")])).toBe(false);
});

const FILES = [
  "parley.db",
  "parley.db-wal",
  "parley-index.db",
  "parley-index.db-wal",
  "parley.end",
  "parley.lock",
];

test.each(FILES)(
  "a start where %s is a directory ends with a sentence, and releases the folder",
  async (name) => {
    await using folder = await usedFolder(3);
    const path = join(folder.path, name);
    rmSync(path, { force: true });
    mkdirSync(path);
    const { problem, advice } = await refusalOf(() => folder.open());
    expect(problem).toBe(`${path} is a directory, where a file must be.`);
    expect(advice).not.toBe("");
  },
);

test("a start where parley.db is a dangling symbolic link ends with a sentence", async () => {
  await using folder = await usedFolder(1);
  rmSync(folder.storeFile);
  symlinkSync("/nowhere/parley.db", folder.storeFile);
  expect((await refusalOf(() => folder.open())).problem).toBe(
    `${folder.storeFile} is a symbolic link to nothing, where a file must be.`,
  );
});

test.each([1, 2])(
  "a start where page %d of parley.db is overwritten names the file and the remedy",
  async (page) => {
    await using folder = await usedFolder();
    const file = openSync(folder.storeFile, "r+");
    writeSync(file, Buffer.alloc(4096, 0xaa), 0, 4096, (page - 1) * 4096);
    closeSync(file);
    // Twice: the first refusal must not keep the folder locked.
    for (let i = 0; i < 2; i++) {
      const { problem, advice } = await refusalOf(() => folder.open());
      expect(problem).toStartWith(`${folder.storeFile} is damaged`);
      expect(advice).toContain("parley restore <folder> --replace");
    }
  },
);

test("the error names a damaged lock file, and the file may be removed", async () => {
  await using folder = await usedFolder(1);
  writeFileSync(join(folder.path, "parley.lock"), "x".repeat(5000));
  const { problem, advice } = await refusalOf(() => folder.open());
  expect(problem).toContain("parley.lock is damaged");
  expect(advice).toContain("remove parley.lock");
});
