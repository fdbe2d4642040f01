import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import type { StoreTroubles } from "../folder/store-troubles.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { readLastPosition } from "../schema.ts";
import type { IndexFile } from "./index-file.ts";
import type { IndexWorker } from "./index-worker.ts";

export interface IndexRepairDeps {
  readonly db: Database;
  readonly index: IndexFile;
  readonly indexWorker: Pick<IndexWorker, "rebuild" | "runRound" | "indexed">;
  readonly messages: Pick<MessageLog, "forgetAll" | "reload">;
  readonly troubles: StoreTroubles;
  readonly emit: Emit;
}

/** Milliseconds until the next try when an index could not be rebuilt. */
const RETRY_MS = 1_000;

/**
 * Rebuilds a damaged index from the log while the server runs. The store is not ready during that time, because without an
 * index a repeated message would be stored twice.
 */
export class IndexRepair {
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly deps: IndexRepairDeps) {}

  /** Begins a rebuild, unless one is running. */
  begin(reason: string): void {
    const { troubles, messages, emit } = this.deps;
    if (this.stopped || !troubles.begin("index")) return;
    emit("store.index_damaged", {
      reason,
      advice: "The index is rebuilt from the log, which takes some seconds for a million messages.",
    });
    messages.forgetAll();
    this.running = this.rebuild();
  }

  /** Ends a running rebuild, and begins no further one. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async rebuild(): Promise<void> {
    const { troubles, messages, emit } = this.deps;
    const began = performance.now();
    while (!this.stopped) {
      try {
        const count = await this.tryToRebuild();
        if (count !== undefined) {
          messages.reload();
          emit("store.index_rebuilt", { messages: count, seconds: (performance.now() - began) / 1000 });
          troubles.end("index");
          return;
        }
      } catch (error) {
        emit("store.index_failed", { error: String(error) });
      }
      if (!this.stopped) await Bun.sleep(RETRY_MS);
    }
  }

  /** Returns the last position of the log; undefined if indexing failed before it, which the index worker has logged. */
  private async tryToRebuild(): Promise<number | undefined> {
    const { db, index, indexWorker } = this.deps;
    await indexWorker.rebuild(() => index.reset(db));
    await indexWorker.runRound();
    const last = readLastPosition(db);
    return indexWorker.indexed >= last ? last : undefined;
  }
}
