// An operator who restores an older copy of the data folder begins a new epoch, and every client learns of it (D5).
import { expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreInUse } from "../../../src/engine/sqlite/folder/lock.ts";
import { beginSqliteEpoch } from "../../../src/engine/sqlite/new-epoch.ts";
import { STORE_FILE } from "../../../src/engine/sqlite/schema.ts";
import { Subject } from "../../contracts/engine/subject.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { StoreFolder } from "./store-folder.ts";

/** Opens the store of `folder` as the contract suite does; the folder outlives it. */
const openIn = (folder: StoreFolder) =>
  Subject.open(async () => {
    const store = await folder.open(new ManualClock());
    const reopen = () => Promise.reject(new Error("not here"));
    return { engine: store.engine, reopen, clean: () => store.applyRetention(), close: () => store.close() };
  });

test("D5 a restored copy with a newer index delivers its messages under a new epoch", async () => {
  await using folder = new StoreFolder();
  const copy = mkdtempSync(join(tmpdir(), "parley-copy-"));
  try {
    let old = "";
    {
      await using subject = await openIn(folder);
      for (const id of ["1", "2", "3"]) await subject.store(id);
      old = (await subject.engine.head("room")).epoch;
    }
    cpSync(folder.storeFile, join(copy, STORE_FILE));
    {
      await using subject = await openIn(folder);
      for (const id of ["lost 1", "lost 2"]) await subject.store(id, { conversation: "lost" });
      await subject.store("lost 3");
    }
    for (const end of ["", "-wal", "-shm"]) rmSync(`${folder.storeFile}${end}`, { force: true });
    cpSync(join(copy, STORE_FILE), folder.storeFile);

    const epoch = beginSqliteEpoch({ dataDir: folder.path });
    expect(epoch).not.toBe(old);
    await using subject = await openIn(folder);
    // As many as were lost: by its length alone, the log cannot be distinguished from the one that was indexed.
    for (const id of ["4", "5", "6"]) await subject.store(id);
    expect(await subject.engine.head("room")).toEqual({ seq: 6, first: 1, epoch: `${epoch}.0`, rev: 0 });
    const { messages } = await subject.read();
    expect(messages.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect((await subject.post("lost 3")).outcome).toBe("stored");
    expect((await subject.post("3")).outcome).toBe("duplicate");
    expect(folder.log.events()).not.toContain("store.tail_lost");
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test("D5 no epoch begins next to a running server, or without a store", async () => {
  await using folder = new StoreFolder();
  expect(() => beginSqliteEpoch({ dataDir: folder.path })).toThrow(`There is no store in ${folder.path}`);
  expect(existsSync(folder.storeFile)).toBe(false);
  const { engine } = await folder.open();
  expect(() => beginSqliteEpoch({ dataDir: folder.path })).toThrow(StoreInUse);
  expect(engine.ready()).toBe(true);
});
