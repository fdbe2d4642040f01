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

/** When the index lacks this many messages, a round begins at once. */
const MAX_UNINDEXED = 50_000;

/** Milliseconds between rounds. It uses real time and not the clock port, because rounds have no effect that clients can see. */
const ROUND_INTERVAL_MS = 1_000;

const NOTHING_PRUNED: PruneResult = { positions: [], more: false };

/**
 * Does the slow work of the store in a thread of its own: indexing messages, and checkpoints. This class is the event loop's
 * side of it: it sends the thread the end of the log, and receives the last position that is indexed.
 */
export class IndexWorker {
  private worker: Worker;
  private readonly timer: ReturnType<typeof setInterval>;
  /** The filter over the keys in the index; undefined until the thread has made it. */
  filter: BloomFilter | undefined;
  /** Whether the thread has ended; it does not reply any more. */
  private dead = false;
  private source: { takeUnindexed(last: number): UnindexedEntries } | undefined;
  private onPruned: ((dropped: PruneResult) => void) | undefined;
  private onReleased: (() => void) | undefined;
  private damageListener: ((file: "index" | "store") => void) | undefined;
  private erasing: Erasing = "nothing";
  private walTruncated = false;
  private round: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  /** `lastPosition` is the last position of the log, `indexed` the last position that is in the index. */
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

  /** From now on the thread gets new messages from `source`, which has them in memory, instead of reading them from the log. */
  readFrom(source: { takeUnindexed(last: number): UnindexedEntries }): void {
    this.source = source;
  }

  /** Calls `listener` each time that the thread finds a file damaged. */
  onDamage(listener: (file: "index" | "store") => void): void {
    this.damageListener = listener;
  }

  /** Has the thread close the files, calls `replaceFiles`, which leaves an empty index, and has the thread open them again. */
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

  /** Records that the log ends at `lastPosition`. */
  appended(lastPosition: number): void {
    this.lastPosition = lastPosition;
    if (lastPosition - this.indexed >= MAX_UNINDEXED && this.round === undefined) void this.runRound();
  }

  /** Runs one round, or waits for the running one. The `last` round closes the files; there MUST be none after it. */
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
   * Returns the positions of at most `count` messages of a conversation with seq < `below`, whose rows the caller deletes from
   * the log. Records that the rows of the previous call are gone (runs/prune.ts). Calls MUST NOT overlap.
   */
  prune(conversation: number, below: number, count: number): Promise<PruneResult> {
    if (this.dead) return Promise.resolve(NOTHING_PRUNED);
    const { promise, resolve } = Promise.withResolvers<PruneResult>();
    this.erasing = "some";
    this.onPruned = resolve;
    this.worker.postMessage({ conversation, below, count } satisfies IndexWorkerRequest);
    return promise;
  }

  /** Copies the write-ahead log into the store file and truncates it. Returns false when a reader prevents that. */
  async truncateWal(): Promise<boolean> {
    await this.round?.done;
    this.walTruncated = false;
    this.erasing = "all";
    await this.runRound();
    this.erasing = this.walTruncated ? "nothing" : "some";
    return this.walTruncated;
  }

  /** Indexes the remaining messages, closes the files, and ends the thread. */
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

  /** Ends the thread at once, as a crash of it would. */
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

  /**
   * The thread has ended: resolves all calls that wait for it. No message is lost, because the log is complete without the
   * index; the next start indexes the rest.
   */
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
