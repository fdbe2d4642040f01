import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import type { FeedRetention } from "../../../src/core/feed/retention.ts";
import type { Clock } from "../../../src/core/ports/clock.ts";
import type { Disk } from "../../../src/engine/sqlite/folder/disk-watch.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { INDEX_FILE, STORE_FILE } from "../../../src/engine/sqlite/schema.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

type Store = Awaited<ReturnType<typeof openSqlite>>;

/** A temporary data folder with the files of the store. */
export class StoreFolder implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), "parley-store-"));
  readonly log = new RecordedLog();
  readonly storeFile = join(this.path, STORE_FILE);
  readonly indexFile = join(this.path, INDEX_FILE);
  private readonly opened = new Set<Store>();

  async open(
    clock: Clock = new ManualClock(),
    retention = UNLIMITED_RETENTION,
    disk?: Disk,
    feedRetention?: FeedRetention,
  ): Promise<Store> {
    const { path: dataDir, log } = this;
    const store = await openSqlite({
      dataDir,
      clock,
      emit: log.emit,
      sync: "normal",
      retention,
      ...(disk && { disk }),
      ...(feedRetention && { feedRetention }),
    });
    const close = async () => {
      this.opened.delete(opened);
      await store.close();
    };
    const opened = { ...store, close };
    this.opened.add(opened);
    return opened;
  }

  /** A connection of one's own to one of the files, as another process would have it. */
  connect(file: string = this.storeFile): Database {
    const db = new Database(file);
    db.run("pragma busy_timeout = 5000");
    return db;
  }

  /** The content of the index: messages that exist, and entries by key, including those of removed messages. */
  indexed(): { messages: number; keys: number } {
    using index = this.connect(this.indexFile);
    const sum = (what: string, where: string) =>
      (index.query(`select coalesce(sum(${what}), 0) as sum from ${where}`).get() as { sum: number }).sum;
    return {
      messages: sum("entries - dropped", "run where state = 'whole'"),
      keys: sum(
        "length(by_key.entries) / 12",
        "by_key join run on run.id = by_key.id >> 32 where state = 'whole'",
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.opened) await store.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}
