import { join } from "node:path";
import { type RetentionLimits, UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import { DEFAULT_FEED_RETENTION } from "../../../src/core/feed/retention.ts";
import { DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { SqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { END_MARK_FILE } from "../../../src/engine/sqlite/folder/end-mark.ts";
import { openIndexFile } from "../../../src/engine/sqlite/index/index-file.ts";
import { IndexWorker } from "../../../src/engine/sqlite/index/index-worker.ts";
import { openStore, readLastPosition } from "../../../src/engine/sqlite/schema.ts";
import type { OpenedEngine } from "../../contracts/engine/subject.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { StoreFolder } from "./store-folder.ts";

/** An engine whose parts the test can reach: the index worker runs a round on demand. */
export interface EngineInParts extends OpenedEngine {
  readonly folder: StoreFolder;
  /** Takes all messages into the index, and makes the engine drop its copy of them in memory. */
  takeIn(): Promise<void>;
  /** Removes all that is no longer kept, without waiting for housekeeping. */
  clean(): Promise<void>;
}

export async function openEngineInParts(
  clock: ManualClock,
  retention = UNLIMITED_RETENTION,
): Promise<EngineInParts> {
  const folder = new StoreFolder();
  let parts = put(folder, clock, retention);
  return {
    folder,
    engine: parts.engine,
    async takeIn() {
      await parts.indexWorker.runRound();
      // Housekeeping.
      clock.advance(1_000);
    },
    clean: () => parts.engine.clean(),
    async reopen() {
      await parts.engine.close();
      parts = put(folder, clock, retention);
      return parts.engine;
    },
    async close() {
      await parts.engine.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function put(folder: StoreFolder, clock: ManualClock, retention: RetentionLimits) {
  const { log } = folder;
  const paths = { store: folder.storeFile, index: folder.indexFile, end: join(folder.path, END_MARK_FILE) };
  const db = openStore(paths.store, "normal", 0);
  const index = openIndexFile(paths.index, db, log.emit);
  const lastPosition = readLastPosition(db);
  const indexWorker = new IndexWorker(paths, lastPosition, index.indexed, log.emit);
  const engine = new SqliteEngine({
    db,
    index,
    indexWorker,
    clock,
    emit: log.emit,
    retention,
    feedRetention: DEFAULT_FEED_RETENTION,
    streamRules: DEFAULT_STREAM_RULES,
    editWithin: 0,
    paths,
    description: "in parts",
  });
  return { engine, indexWorker };
}
