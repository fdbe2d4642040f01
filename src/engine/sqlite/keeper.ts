import { Worker } from "node:worker_threads";
import type { EngineLog } from "../engine-log.ts";
import type { Erasing, Handed, KeeperOrder, KeeperReport } from "./keeper-worker.ts";
import { KeyFilter } from "./key-filter.ts";
import type { Dropped } from "./runs/dropping.ts";

/** Messages that the index lacks beyond which it takes them in at once, instead of at its next round. */
const INDEX_AT = 50_000;

/** Milliseconds between rounds. Real time, not the clock port's: it decides nothing that anybody can see. */
const ROUND = 1_000;

const NOTHING_DROPPED: Dropped = { positions: [], more: false };

/**
 * The store's long work, in a thread of its own: taking messages into the index, and checkpoints. The event loop only
 * says how far the log has grown and hears how far the index has come.
 */
export class Keeper {
  private worker: Worker;
  private readonly timer: ReturnType<typeof setInterval>;
  /** Over the keys in the index; undefined until the keeper has made it. */
  filter: KeyFilter | undefined;
  /** A thread that ended answers nothing any more. */
  private dead = false;
  private source: { handOver(last: number): Handed } | undefined;
  private dropping: ((dropped: Dropped) => void) | undefined;
  private freed: (() => void) | undefined;
  private damageListener: ((file: "index" | "store") => void) | undefined;
  private erasing: Erasing = "nothing";
  private emptied = false;
  private round: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  /** `lastPosition` is how far the log reaches, `indexed` the last position that the index holds. */
  constructor(
    private readonly paths: { readonly store: string; readonly index: string },
    private lastPosition: number,
    public indexed: number,
    private readonly log: EngineLog,
  ) {
    this.worker = this.startThread();
    this.timer = setInterval(() => void this.work(), ROUND);
    this.timer.unref();
  }

  /** Has the thread take in what `source` has in memory, instead of reading it from the log again. */
  readFrom(source: { handOver(last: number): Handed }): void {
    this.source = source;
  }

  /** Calls `listener` when the thread finds a file damaged; each time it does. */
  onDamage(listener: (file: "index" | "store") => void): void {
    this.damageListener = listener;
  }

  /** Has the thread let go of the files, does `work` on them, and has it open them again, with an index that is empty. */
  async beginAgain(work: () => void): Promise<void> {
    await this.round?.done;
    if (!this.dead) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.freed = resolve;
      this.worker.postMessage({ letGo: true } satisfies KeeperOrder);
      await promise;
    }
    work();
    this.indexed = 0;
    this.filter = undefined;
    if (this.dead) this.worker = this.startThread();
    else this.worker.postMessage({ open: this.paths } satisfies KeeperOrder);
  }

  /** Tells how far the log has grown. */
  appended(lastPosition: number): void {
    this.lastPosition = lastPosition;
    if (lastPosition - this.indexed >= INDEX_AT && this.round === undefined) void this.work();
  }

  /** Makes one round, or waits for the one in hand. There is none after the `last`. */
  work(last = false): Promise<void> {
    if (this.dead) return Promise.resolve();
    if (this.round === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.round = { done: promise, finish: resolve };
      this.worker.ref();
      const messages = this.source?.handOver(this.lastPosition);
      const { lastPosition: upTo, erasing } = this;
      const order = { upTo, last, erasing, messages } satisfies KeeperOrder;
      this.worker.postMessage(order, messages === undefined ? [] : [messages.numbers.buffer as ArrayBuffer]);
    }
    return this.round.done;
  }

  /**
   * Names messages of a conversation with seq < `below`, at most `count`, by where they stand in the log, for their rows
   * to be deleted; notes that those it named before are gone (runs/dropping.ts). One call at a time.
   */
  drop(conversation: number, below: number, count: number): Promise<Dropped> {
    if (this.dead) return Promise.resolve(NOTHING_DROPPED);
    const { promise, resolve } = Promise.withResolvers<Dropped>();
    this.erasing = "some";
    this.dropping = resolve;
    this.worker.postMessage({ conversation, below, count } satisfies KeeperOrder);
    return promise;
  }

  /** Copies the write-ahead log into the store and cuts it to nothing; returns false where a reader keeps that from being done. */
  async emptyLog(): Promise<boolean> {
    await this.round?.done;
    this.emptied = false;
    this.erasing = "all";
    await this.work();
    this.erasing = this.emptied ? "nothing" : "some";
    return this.emptied;
  }

  /** Takes in what is left, closes the files, and ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.round?.done;
    await this.work(true);
    this.kill();
  }

  /** Ends the thread of a store that could not be opened. */
  abandon(): void {
    clearInterval(this.timer);
    this.kill();
  }

  /** Ends the thread where it stands, as a fault in it would. */
  kill(): void {
    this.worker.terminate();
  }

  private startThread(): Worker {
    const worker = new Worker(new URL("./keeper-worker.ts", import.meta.url));
    worker.on("message", (report: KeeperReport) => this.heard(report));
    worker.on("error", (error) => this.heard({ failed: String(error) }));
    worker.on("exit", () => this.ended());
    worker.postMessage({ open: this.paths } satisfies KeeperOrder);
    worker.unref();
    this.dead = false;
    return worker;
  }

  private heard(report: KeeperReport): void {
    if (report.filter !== undefined) {
      this.filter = new KeyFilter(report.filter);
      return;
    }
    if (report.free) {
      this.freed?.();
      return;
    }
    if (report.damaged !== undefined) this.damageListener?.(report.damaged);
    if (report.dropped !== undefined) {
      if (report.failed !== undefined) this.log.error("store.index_failed", { error: report.failed });
      this.dropping?.(report.dropped);
      return;
    }
    if (report.failed !== undefined) this.log.error("store.index_failed", { error: report.failed });
    else if (report.indexed !== undefined) {
      this.indexed = report.indexed;
      this.emptied = report.emptied === true;
    }
    this.endRound();
  }

  /** Whoever waits for the thread when it ends does not wait for ever. The log is whole without it; the next start indexes. */
  private ended(): void {
    this.dead = true;
    this.dropping?.(NOTHING_DROPPED);
    this.freed?.();
    this.endRound();
  }

  private endRound(): void {
    const { round } = this;
    this.round = undefined;
    this.worker.unref();
    round?.finish();
  }
}
