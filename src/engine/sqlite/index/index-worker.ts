import { Worker } from "node:worker_threads";
import type { Emit } from "../../../core/events/events.ts";
import { BloomFilter } from "./bloom-filter.ts";
import type {
  Erasing,
  IndexWorkerReply,
  IndexWorkerRequest,
  UnindexedEntries,
} from "./index-worker-thread.ts";
import type { PruneResult } from "./runs/prune.ts";

/** Messages that the index lacks beyond which it takes them in at once, instead of at its next round. */
const MAX_UNINDEXED = 50_000;

/** Milliseconds between rounds. Real time, not the clock port's: it decides nothing that anybody can see. */
const ROUND_INTERVAL_MS = 1_000;

const NOTHING_PRUNED: PruneResult = { positions: [], more: false };

/**
 * The store's long work, in a thread of its own: taking messages into the index, and checkpoints. The event loop only
 * says how far the log has grown and hears how far the index has come.
 */
export class IndexWorker {
  private worker: Worker;
  private readonly timer: ReturnType<typeof setInterval>;
  /** Over the keys in the index; undefined until the keeper has made it. */
  filter: BloomFilter | undefined;
  /** A thread that ended answers nothing any more. */
  private dead = false;
  private source: { takeUnindexed(last: number): UnindexedEntries } | undefined;
  private onPruned: ((dropped: PruneResult) => void) | undefined;
  private onReleased: (() => void) | undefined;
  private damageListener: ((file: "index" | "store") => void) | undefined;
  private erasing: Erasing = "nothing";
  private walTruncated = false;
  private round: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  /** `lastPosition` is how far the log reaches, `indexed` the last position that the index holds. */
  constructor(
    private readonly paths: { readonly store: string; readonly index: string },
    private lastPosition: number,
    public indexed: number,
    private readonly emit: Emit,
  ) {
    this.worker = this.startThread();
    this.timer = setInterval(() => void this.runRound(), ROUND_INTERVAL_MS);
    this.timer.unref();
  }

  /** Has the thread take in what `source` has in memory, instead of reading it from the log again. */
  readFrom(source: { takeUnindexed(last: number): UnindexedEntries }): void {
    this.source = source;
  }

  /** Calls `listener` when the thread finds a file damaged; each time it does. */
  onDamage(listener: (file: "index" | "store") => void): void {
    this.damageListener = listener;
  }

  /** Has the thread let go of the files, does `work` on them, and has it open them again, with an index that is empty. */
  async rebuild(replaceFiles: () => void): Promise<void> {
    await this.round?.done;
    if (!this.dead) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.onReleased = resolve;
      this.worker.postMessage({ release: true } satisfies IndexWorkerRequest);
      await promise;
    }
    replaceFiles();
    this.indexed = 0;
    this.filter = undefined;
    if (this.dead) this.worker = this.startThread();
    else this.worker.postMessage({ open: this.paths } satisfies IndexWorkerRequest);
  }

  /** Tells how far the log has grown. */
  appended(lastPosition: number): void {
    this.lastPosition = lastPosition;
    if (lastPosition - this.indexed >= MAX_UNINDEXED && this.round === undefined) void this.runRound();
  }

  /** Makes one round, or waits for the one in hand. There is none after the `last`. */
  runRound(last = false): Promise<void> {
    if (this.dead) return Promise.resolve();
    if (this.round === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.round = { done: promise, finish: resolve };
      this.worker.ref();
      const messages = this.source?.takeUnindexed(this.lastPosition);
      const { lastPosition: upTo, erasing } = this;
      const request = { upTo, last, erasing, messages } satisfies IndexWorkerRequest;
      this.worker.postMessage(
        request,
        messages === undefined ? [] : [messages.numbers.buffer as ArrayBuffer],
      );
    }
    return this.round.done;
  }

  /**
   * Names messages of a conversation with seq < `below`, at most `count`, by where they stand in the log, for their rows
   * to be deleted; notes that those it named before are gone (runs/prune.ts). One call at a time.
   */
  prune(conversation: number, below: number, count: number): Promise<PruneResult> {
    if (this.dead) return Promise.resolve(NOTHING_PRUNED);
    const { promise, resolve } = Promise.withResolvers<PruneResult>();
    this.erasing = "some";
    this.onPruned = resolve;
    this.worker.postMessage({ conversation, below, count } satisfies IndexWorkerRequest);
    return promise;
  }

  /** Copies the write-ahead log into the store and cuts it to nothing; returns false where a reader keeps that from being done. */
  async truncateWal(): Promise<boolean> {
    await this.round?.done;
    this.walTruncated = false;
    this.erasing = "all";
    await this.runRound();
    this.erasing = this.walTruncated ? "nothing" : "some";
    return this.walTruncated;
  }

  /** Takes in what is left, closes the files, and ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.round?.done;
    await this.runRound(true);
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
    const worker = new Worker(new URL("./index-worker-thread.ts", import.meta.url));
    worker.on("message", (report: IndexWorkerReply) => this.onReply(report));
    worker.on("error", (error) => this.onReply({ failed: String(error) }));
    worker.on("exit", () => this.onExit());
    worker.postMessage({ open: this.paths } satisfies IndexWorkerRequest);
    worker.unref();
    this.dead = false;
    return worker;
  }

  private onReply(reply: IndexWorkerReply): void {
    if (reply.filter !== undefined) {
      this.filter = new BloomFilter(reply.filter);
      return;
    }
    if (reply.released) {
      this.onReleased?.();
      return;
    }
    if (reply.damaged !== undefined) this.damageListener?.(reply.damaged);
    if (reply.pruned !== undefined) {
      if (reply.failed !== undefined) this.emit("store.index_failed", { error: reply.failed });
      this.onPruned?.(reply.pruned);
      return;
    }
    if (reply.failed !== undefined) this.emit("store.index_failed", { error: reply.failed });
    else if (reply.indexed !== undefined) {
      this.indexed = reply.indexed;
      this.walTruncated = reply.walTruncated === true;
    }
    this.endRound();
  }

  /** Whoever waits for the thread when it ends does not wait for ever. The log is whole without it; the next start indexes. */
  private onExit(): void {
    this.dead = true;
    this.onPruned?.(NOTHING_PRUNED);
    this.onReleased?.();
    this.endRound();
  }

  private endRound(): void {
    const { round } = this;
    this.round = undefined;
    this.worker.unref();
    round?.finish();
  }
}
