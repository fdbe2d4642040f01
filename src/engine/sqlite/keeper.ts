import { Worker } from "node:worker_threads";
import type { EngineLog } from "../engine-log.ts";
import type { KeeperOrder, KeeperReport } from "./keeper-worker.ts";
import { KeyFilter } from "./key-filter.ts";

/** Messages that the index lacks beyond which it takes them in at once, instead of at its next round. */
const INDEX_AT = 50_000;

/** Milliseconds between rounds. Real time, not the clock port's: it decides nothing that anybody can see. */
const ROUND = 1_000;

/**
 * The store's long work, in a thread of its own: taking messages into the index, and checkpoints. The event loop only
 * says how far the log has grown and hears how far the index has come.
 */
export class Keeper {
  private readonly worker: Worker;
  private readonly timer: ReturnType<typeof setInterval>;
  /** Over the keys in the index; undefined until the keeper has made it. */
  filter: KeyFilter | undefined;
  private round: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  /** `lastPosition` is how far the log reaches, `indexed` the last position that the index holds. */
  constructor(
    paths: { readonly store: string; readonly index: string },
    private lastPosition: number,
    public indexed: number,
    private readonly log: EngineLog,
  ) {
    this.worker = new Worker(new URL("./keeper-worker.ts", import.meta.url));
    this.worker.on("message", (report: KeeperReport) => this.heard(report));
    this.worker.on("error", (error) => this.heard({ failed: String(error) }));
    this.worker.postMessage({ open: paths } satisfies KeeperOrder);
    this.worker.unref();
    this.timer = setInterval(() => void this.work(), ROUND);
    this.timer.unref();
  }

  /** Tells how far the log has grown. */
  appended(lastPosition: number): void {
    this.lastPosition = lastPosition;
    if (lastPosition - this.indexed >= INDEX_AT && this.round === undefined) void this.work();
  }

  /** Makes one round, or waits for the one in hand. There is none after the `last`. */
  work(last = false): Promise<void> {
    if (this.round === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.round = { done: promise, finish: resolve };
      this.worker.ref();
      this.worker.postMessage({ upTo: this.lastPosition, last } satisfies KeeperOrder);
    }
    return this.round.done;
  }

  /** Takes in what is left, closes the files, and ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.round?.done;
    await this.work(true);
    this.worker.terminate();
  }

  private heard(report: KeeperReport): void {
    if (report.filter !== undefined) {
      this.filter = new KeyFilter(report.filter);
      return;
    }
    if (report.failed !== undefined) this.log.error("store.keeper_failed", { error: report.failed });
    else if (report.indexed !== undefined) this.indexed = report.indexed;
    const { round } = this;
    this.round = undefined;
    this.worker.unref();
    round?.finish();
  }
}
