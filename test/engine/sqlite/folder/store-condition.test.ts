// What a server does when its files are damaged, deleted, replaced or cut short, or when its disk is full: it stops
// being ready, refuses with a reason, and recovers on its own where that is safe. No acked message is lost silently.
import { expect, test } from "bun:test";
import { closeSync, cpSync, openSync, renameSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import type { Store } from "../../../../src/core/ports/store.ts";
import {
  classifyError,
  isStoreError,
  StoreUnavailable,
} from "../../../../src/engine/sqlite/folder/errors.ts";
import { messageContent } from "../../../support/entries.ts";
import { accountOf } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { StoreFolder } from "../store-folder.ts";

/** How often the files are checked (HOUSEKEEPING_INTERVAL in engine.ts), in milliseconds. */
const LOOK = 500;

function post({ engine }: Pick<Store, "engine">, id: string, text = ""): Promise<PostResult> {
  return new Promise((done) =>
    engine.post({ conversation: "room", user: "anna", id, ...messageContent(text), limit: 0 }, done),
  );
}

async function outcomeOf(store: Pick<Store, "engine">, id: string): Promise<string> {
  return (await post(store, id)).outcome;
}

/** The result of a route that uses another port: whether the error is `unavailable`, and not an internal error. */
async function isRefused(store: Store): Promise<boolean> {
  const [read, written] = await Promise.all([
    store.revocations.isRevoked({ id: "t", subject: "anna", issuedAt: 0 }).catch((error) => error),
    store.accounts.add(accountOf("anna")).catch((error) => error),
  ]);
  return (
    store.engine.isUnavailable(read) &&
    store.engine.isUnavailable(written) &&
    read instanceof StoreUnavailable
  );
}

test("L3 a full disk is detected before a write fails, and so is space that was freed", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  let free = 2 ** 30;
  const { engine } = await folder.open(clock, undefined, { freeBytes: () => free });
  const reported: boolean[] = [];
  engine.watchReady((ready) => reported.push(ready));
  clock.advance(LOOK);
  expect(engine.ready()).toBe(true);
  free = 4_096;
  clock.advance(LOOK);
  expect(engine.ready()).toBe(false);
  free = 2 ** 30;
  clock.advance(LOOK);
  expect(engine.ready()).toBe(true);
  expect(reported).toEqual([false, true]);
  expect(folder.log.events()).toEqual(["store.disk_full", "store.disk_recovered"]);
});

test("L3 a small message that still fits on a full disk does not make the store ready", async () => {
  // A long message was refused, the next short one stored: every client got `degraded` and `recovered` in turn.
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock, undefined, { freeBytes: () => 0 });
  clock.advance(LOOK);
  expect(await outcomeOf(store, "1")).toBe("stored");
  expect(store.engine.ready()).toBe(false);
});

test("L3 an idle store is written from time to time, which detects a disk that cannot be written", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const { engine } = await folder.open(clock);
  using other = folder.connect();
  other.run("create trigger refuse before insert on meta begin select raise(abort, 'no'); end");
  clock.advance(4_000);
  expect(engine.ready()).toBe(true);
  clock.advance(2_000);
  expect(engine.ready()).toBe(false);
  other.run("drop trigger refuse");
  clock.advance(LOOK);
  expect(engine.ready()).toBe(true);
});

test("D2 D5 after the folder was deleted, nothing is acked or revoked, and the store is not ready", async () => {
  // Twenty of twenty messages were acked into files that no longer had a name, and `/readyz` was 200.
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  expect(await outcomeOf(store, "1")).toBe("stored");
  rmSync(folder.path, { recursive: true });
  clock.advance(LOOK);
  expect(store.engine.ready()).toBe(false);
  expect(await outcomeOf(store, "2")).toBe("unavailable");
  expect(await isRefused(store)).toBe(true);
  expect(folder.log.events()).toContain("store.files_missing");
});

test("D2 D5 a folder that was moved away is used again when it returns; a different folder in its path is not", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  expect(await outcomeOf(store, "1")).toBe("stored");
  const aside = `${folder.path}-aside`;
  renameSync(folder.path, aside);
  cpSync(aside, folder.path, { recursive: true });
  clock.advance(LOOK);
  expect(store.engine.ready()).toBe(false);
  expect(await outcomeOf(store, "2")).toBe("unavailable");
  rmSync(folder.path, { recursive: true });
  renameSync(aside, folder.path);
  clock.advance(LOOK);
  expect(store.engine.ready()).toBe(true);
  expect(await outcomeOf(store, "2")).toBe("stored");
  expect(folder.log.events()).toEqual(["store.files_missing", "store.files_recovered"]);
});

test.each([0, 0.3, 0.9])(
  "D5 a write-ahead log that was cut to %d of its length after a crash begins a new epoch",
  async (share) => {
    // SQLite takes the rest for the whole. Clients that returned after others had posted were not notified.
    await using folder = new StoreFolder();
    await using crashed = new StoreFolder();
    const store = await folder.open();
    const { epoch } = await store.engine.head("room");
    for (let i = 1; i <= 40; i++) await post(store, String(i), "x".repeat(500));
    cpSync(folder.path, crashed.path, { recursive: true });
    const log = `${crashed.storeFile}-wal`;
    truncateSync(log, Math.floor(statSync(log).size * share));
    const after = await crashed.open();
    const head = await after.engine.head("room");
    expect(head.seq).toBeLessThan(40);
    expect(head.epoch).not.toBe(epoch);
    expect(crashed.log.events()).toContain("store.tail_lost");
    await after.close();
    // One notification is enough.
    expect((await (await crashed.open()).engine.head("room")).epoch).toBe(head.epoch);
  },
);

test("D2 D5 a crash that loses nothing keeps the epoch", async () => {
  await using folder = new StoreFolder();
  await using crashed = new StoreFolder();
  const store = await folder.open();
  for (let i = 1; i <= 5; i++) await post(store, String(i));
  cpSync(folder.path, crashed.path, { recursive: true });
  const head = await store.engine.head("room");
  expect(await (await crashed.open()).engine.head("room")).toEqual(head);
});

test("D2 L3 a store whose log is damaged refuses everything until it is restarted, and gives the reason", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const before = await folder.open(clock);
  // So many that the middle of the file has nothing but messages.
  for (let i = 1; i <= 200; i++) await post(before, String(i), "x".repeat(4_000));
  await before.close();
  const file = openSync(folder.storeFile, "r+");
  // In the middle of the messages: their first pages, which lead to the others, stay readable.
  const size = statSync(folder.storeFile).size;
  writeSync(file, Buffer.alloc(size / 4, 0x55), 0, size / 4, size / 2);
  closeSync(file);
  const store = await folder.open(clock);
  const page = await store.engine
    .page("room", 0, 200, 200)
    .catch((error) => store.engine.isUnavailable(error));
  expect([undefined, true]).toContain(page as undefined);
  expect(store.engine.ready()).toBe(false);
  expect(await outcomeOf(store, "201")).toBe("unavailable");
  expect(await isRefused(store)).toBe(true);
  clock.advance(10_000);
  expect(store.engine.ready()).toBe(false);
  expect(folder.log.events()).toContain("store.damaged");
});

test("L3 timers that poll for changes survive a store that cannot be read or written", async () => {
  // The error of a full disk, thrown in a timer, ended the process ten minutes later.
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  store.accounts.watch(() => {});
  store.revocations.watch(() => {});
  using other = folder.connect();
  other.run("alter table account rename to account_away; alter table revocation rename to revocation_away");
  clock.advance(600_000);
  expect(folder.log.events()).toEqual(expect.arrayContaining(["store.read_failed", "store.write_failed"]));
});

test("every SQLite code that a store can meet is a store error; an error of the program is not", () => {
  const codes = {
    SQLITE_BUSY_SNAPSHOT: "busy",
    SQLITE_FULL: "full",
    SQLITE_IOERR_WRITE: "refused",
    SQLITE_READONLY_DBMOVED: "refused",
    SQLITE_CANTOPEN: "refused",
    SQLITE_CORRUPT_VTAB: "damaged",
    SQLITE_NOTADB: "damaged",
    SQLITE_ERROR: undefined,
    SQLITE_CONSTRAINT_UNIQUE: undefined,
    ENOSPC: undefined,
  };
  for (const [code, fault] of Object.entries(codes)) {
    const error = Object.assign(new Error(code), { code });
    expect([code, classifyError(error)]).toEqual([code, fault as never]);
    expect(isStoreError(error)).toBe(fault !== undefined);
  }
  for (const error of [undefined, null, "text", new TypeError()]) expect(isStoreError(error)).toBe(false);
});
