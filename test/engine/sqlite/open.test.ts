import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { QUOTA_WINDOW_MS } from "../../../src/core/conversation/quota.ts";
import { StoreInUse } from "../../../src/engine/sqlite/folder/lock.ts";
import { openAccounts } from "../../../src/engine/sqlite/open.ts";
import { StoreTooNew } from "../../../src/engine/sqlite/upgrade/upgrade.ts";
import { Subject } from "../../contracts/engine/subject.ts";
import { messageContent } from "../../support/entries.ts";
import { isLong } from "../../support/random.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { StoreFolder } from "./store-folder.ts";

/** A subject on `folder`, whose clock the test sets at each reopening. */
async function begin(folder: StoreFolder): Promise<{ subject: Subject; setClock(time: number): void }> {
  let time: number | undefined;
  const subject = await Subject.open(async (clock) => {
    let store = await folder.open(clock);
    return {
      engine: store.engine,
      async reopen() {
        await store.close();
        store = await folder.open(time === undefined ? clock : new ManualClock(time));
        return store.engine;
      },
      clean: () => store.applyRetention(),
      close: () => folder[Symbol.asyncDispose](),
    };
  });
  return {
    subject,
    setClock: (to) => {
      time = to;
    },
  };
}

test("D1 a second server on the folder is refused with the remedy; the first one continues", async () => {
  await using folder = new StoreFolder();
  const first = await folder.open();
  const refusal = folder.open();
  expect(refusal).rejects.toThrow(StoreInUse);
  expect(refusal).rejects.toThrow("Stop that one, or set DATA_DIR to another folder");
  await refusal.catch(() => {});
  expect(first.engine.ready()).toBe(true);
  await first.close();
  const next = await folder.open();
  expect(next.engine.ready()).toBe(true);
});

test("D2 a store of a newer schema is refused and left unchanged; a new enough Parley opens it again", async () => {
  await using folder = new StoreFolder();
  const { subject } = await begin(folder);
  await subject.store("1");
  await subject.engine.close();
  const setVersion = (version: number) => {
    using store = folder.connect();
    store.run(`pragma user_version = ${version}`);
  };
  const { user_version: own } = readVersion(folder);
  setVersion(own + 1);
  // The refusal had kept the folder locked: a second try in the same process reported that another server was running.
  for (let i = 0; i < 2; i++) {
    const refusal = subject.reopen();
    expect(refusal).rejects.toThrow(StoreTooNew);
    expect(refusal).rejects.toThrow("update Parley");
    await refusal.catch(() => {});
  }
  const { clock } = subject;
  const openBeside = () =>
    openAccounts({ dataDir: folder.path, clock, emit: folder.log.emit, sync: "normal" });
  expect(openBeside).toThrow(StoreTooNew);
  expect(readVersion(folder).user_version).toBe(own + 1);
  setVersion(own);
  await subject.reopen();
  expect((await subject.read()).messages).toMatchObject([{ seq: 1, id: "1" }]);
  await subject[Symbol.asyncDispose]();
});

function readVersion(folder: StoreFolder): { user_version: number } {
  using store = folder.connect();
  return store.query("pragma user_version").get() as { user_version: number };
}

test("Q1 a clock set back over a restart does not lengthen the hour: the store continues with its own time", async () => {
  await using folder = new StoreFolder();
  const { subject, setClock } = await begin(folder);
  const first = await subject.store("1", { limit: 2 });
  subject.clock.advance(60_000);
  const second = await subject.store("2", { limit: 2 });
  setClock(subject.clock.now() - 24 * QUOTA_WINDOW_MS);
  await subject.reopen();
  // Without that, the two would count for a day and an hour.
  expect(await subject.post("3", { limit: 2 })).toMatchObject({
    outcome: "rate_limited",
    retryAfter: QUOTA_WINDOW_MS - 60_000,
  });
  const third = await subject.store("3", { user: "ben" });
  expect([first.at, second.at, third.at]).toEqual([first.at, first.at + 60_000, first.at + 60_000]);
  expect(folder.log.events()).toContain("store.clock_behind");
});

test("Q1 D1 time does not run backwards in a store without charges", async () => {
  // Only charges were read for the store's time, and unmetered messages leave none.
  await using folder = new StoreFolder();
  const { subject, setClock } = await begin(folder);
  subject.clock.advance(5_000);
  const first = await subject.store("1", { limit: 0 });
  setClock(first.at - 60_000);
  await subject.reopen();
  const second = await subject.store("2", { limit: 0 });
  expect(second.at).toBeGreaterThanOrEqual(first.at);
});

test("Q1 a clock set forward is followed, and charges expire with it", async () => {
  await using folder = new StoreFolder();
  const { subject, setClock } = await begin(folder);
  const first = await subject.store("1", { limit: 1 });
  setClock(first.at + QUOTA_WINDOW_MS);
  await subject.reopen();
  expect(await subject.store("2", { limit: 1 })).toMatchObject({ at: first.at + QUOTA_WINDOW_MS });
  expect(folder.log.events()).not.toContain("store.clock_behind");
});

test("D2 a closed store is complete in its one file, so a copy of that file is a copy of the store", async () => {
  // The worker's connections had stayed open, and what SQLite had not yet moved from the write-ahead log was only
  // there.
  await using folder = new StoreFolder();
  const store = await folder.open();
  const stored = new Promise((resolve) =>
    store.engine.post(
      { conversation: "room", user: "anna", id: "1", ...messageContent(""), limit: 5 },
      resolve,
    ),
  );
  await stored;
  await store.accounts.add(accountOf("anna"));
  await store.close();
  expect(readdirSync(folder.path).filter((name) => /-wal$|-shm$/.test(name))).toEqual([]);
  expect(existsSync(folder.storeFile)).toBe(true);
});

/** A process that adds `count` accounts on the premium plan. */
function writeAccounts(folder: StoreFolder, name: string, count: number): Bun.Subprocess {
  const program = join(import.meta.dir, "programs/account-writer.ts");
  const command = [process.execPath, "--no-env-file", program, folder.path, name, String(count)];
  return Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
}

/** Each is a start beside two processes. */
const ROUNDS = isLong ? 5 : 2;

test("D2 SEC-T6 a start and commands on a new folder wait for each other", async () => {
  // The event loop must not wait for locks, and so the start had not waited either: about every second start at the
  // same time as a command ended with "database is locked".
  for (let round = 0; round < ROUNDS; round++) {
    await using folder = new StoreFolder();
    const writers = ["a", "b"].map((name) => writeAccounts(folder, name, 20));
    while (!existsSync(folder.storeFile)) await Bun.sleep(0);
    let store = await folder.open();
    do {
      await store.close();
      await Bun.sleep(1);
      store = await folder.open();
    } while (writers.some(({ exitCode }) => exitCode === null));
    expect(writers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(await store.accounts.list()).toHaveLength(40);
  }
});

test("SEC-T6 messages are posted while another process writes accounts, and both are kept", async () => {
  await using folder = new StoreFolder();
  const { subject } = await begin(folder);
  const writer = writeAccounts(folder, "user", 100);
  let ended = false;
  const ending = writer.exited.then((code) => {
    ended = true;
    return code;
  });
  let count = 0;
  do {
    await Promise.all(Array.from({ length: 20 }, () => subject.store(String(++count), { limit: 0 })));
  } while (!ended);
  expect(await ending).toBe(0);
  const { listening } = await subject.subscribe();
  expect(listening.seq).toBe(count);
  using store = folder.connect();
  const row = store.query("select count(*) as accounts from account where plan = 'premium'").get();
  expect(row).toEqual({ accounts: 100 });
});
