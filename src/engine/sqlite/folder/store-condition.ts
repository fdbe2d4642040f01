import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Guard } from "../guarded-port.ts";
import { IndexCorrupted, type IndexFile } from "../index/index-file.ts";
import { IndexRepair } from "../index/index-repair.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { type Disk, DiskWatch } from "./disk-watch.ts";
import { classifyError, isBusy, StoreUnavailable } from "./errors.ts";
import { StoreTroubles } from "./store-troubles.ts";

export interface StoreConditionDeps {
  readonly db: Database;
  readonly index: IndexFile;
  readonly indexWorker: IndexWorker;
  readonly messages: MessageLog;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly paths: { readonly store: string };
  readonly disk?: Disk | undefined;
}

/** The store is ready while writes succeed. Without writes of clients, a test write is made after this many milliseconds. */
const PROBE_AFTER_MS = 5_000;
/** The size of the test write of a store whose last write failed: more than the largest message needs. */
const PROBE_BYTES = 128 * 1024;

/** Keeps whether the store is ready. Receives each error of its files, and tries to make the store ready again. */
export class StoreCondition implements Guard {
  readonly troubles = new StoreTroubles();
  private readonly indexRepair: IndexRepair;
  private readonly diskWatch: DiskWatch;
  private lastWriteAt: number;
  private stopped = false;

  constructor(private readonly deps: StoreConditionDeps) {
    const { indexWorker, index, paths, emit, disk, clock } = deps;
    this.indexRepair = new IndexRepair({ ...deps, troubles: this.troubles });
    this.diskWatch = new DiskWatch(paths.store, index.path, this.troubles, emit, disk);
    this.lastWriteAt = clock.now();
    indexWorker.onDamage((file) => this.onDamage(file, "found by the index worker"));
  }

  /** Stops a rebuild of the index. */
  stop(): Promise<void> {
    this.stopped = true;
    return this.indexRepair.stop();
  }

  /** Throws StoreUnavailable when the files must not be written and reads from them cannot be trusted. */
  assertUsable(): void {
    if (this.troubles.has("files") || this.troubles.has("damage"))
      throw new StoreUnavailable("The store's files are damaged or gone.");
  }

  /** Records an error of the store, in the engine or in another user of its files. */
  onError(error: unknown): void {
    const fault = classifyError(error);
    if (error instanceof IndexCorrupted) this.onDamage("index", error.message);
    else if (fault === "damaged") this.onDamage("store", String(error));
    else if (fault === "full" || fault === "refused") this.troubles.begin("write");
  }

  /** Records that a write failed, and with it `waiting` requests. */
  writeFailed(error: unknown, waiting?: number): void {
    // The index is read within a transaction on the store file. Damage of the index does not mean damage of the store file.
    if (!(error instanceof IndexCorrupted)) {
      this.troubles.begin("write");
      this.deps.emit("store.write_failed", {
        error: String(error),
        ...(waiting !== undefined && { waiting }),
      });
    }
    this.onError(error);
  }

  readFailed(error: unknown): void {
    if (!(error instanceof IndexCorrupted || error instanceof StoreUnavailable))
      this.deps.emit("store.read_failed", { error: String(error) });
    this.onError(error);
  }

  /** Records that a write succeeded. */
  writeSucceeded(): void {
    this.lastWriteAt = this.deps.clock.now();
    this.troubles.end("write");
  }

  /** Checks the files and the free space. Returns whether a write may be tried. */
  check(): boolean {
    if (!this.diskWatch.check()) this.onDamage("index", "its file is gone");
    return this.troubles.mayWrite;
  }

  /** Makes a test write if no other write shows whether the store can be written. `now` is the store's time. */
  probe(now: number): void {
    // While the store is not ready there are no messages to write, so only a test write can make it ready again.
    if (this.troubles.has("write")) this.tryToWrite(now, PROBE_BYTES);
    else if (this.deps.clock.now() >= this.lastWriteAt + PROBE_AFTER_MS) this.tryToWrite(now, 0);
  }

  /** Writes the store's time and a text of `bytes` bytes, and deletes that text again. */
  private tryToWrite(now: number, bytes: number): void {
    const { db, emit } = this.deps;
    const isKnown = this.troubles.has("write");
    try {
      const set = db.query("insert or replace into meta values (?, ?)");
      set.run("written_at", String(now));
      if (bytes > 0) {
        set.run("probe", "0".repeat(bytes));
        db.run("delete from meta where key = 'probe'");
      }
      this.writeSucceeded();
      if (isKnown) emit("store.write_recovered", {});
    } catch (error) {
      // The trouble is in the log already; the next round tries again.
      if (!isKnown && !isBusy(error)) this.writeFailed(error);
    }
  }

  private onDamage(file: "index" | "store", reason: string): void {
    if (this.stopped) return;
    if (file === "index") {
      this.indexRepair.begin(reason);
      return;
    }
    if (!this.troubles.begin("damage")) return;
    this.deps.emit("store.damaged", {
      reason,
      advice:
        "Nothing is stored any more. Stop Parley, run `parley doctor`, put the last backup back with `parley restore <folder> --replace`, and start Parley.",
    });
  }
}
