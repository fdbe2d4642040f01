// The thread of the index worker (index-worker.ts). It has its own connections to both files.
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { classifyError } from "../folder/errors.ts";
import { openIndex } from "../schema.ts";
import { BloomFilter } from "./bloom-filter.ts";
import { IndexCorrupted, readIndexed, withIndexGuard } from "./index-file.ts";
import { BlockStore } from "./runs/block-store.ts";
import { Compactor } from "./runs/compaction.ts";
import { FIELDS_PER_ENTRY, ingest, MAX_INGEST } from "./runs/ingest.ts";
import { decodeKeyBlock } from "./runs/key-blocks.ts";
import { type PruneResult, prune } from "./runs/prune.ts";
import { RunReader } from "./runs/run-reader.ts";
import { readRuns } from "./runs/run-table.ts";
import { lowerThreadPriority } from "./thread-priority.ts";

export type IndexWorkerRequest =
  | { readonly open: { readonly store: string; readonly index: string } }
  /** Closes the files, whatever state they are in, until the next `open`. */
  | { readonly release: true }
  /** Indexes messages up to a position, merges runs, and makes a checkpoint. With `last`, also closes the files. */
  | {
      readonly upTo: number;
      readonly last: boolean;
      readonly erasing: Erasing;
      readonly messages?: UnindexedEntries;
    }
  | { readonly conversation: number; readonly below: number; readonly count: number };

/**
 * Which erased texts the write-ahead log may hold: none; some, which must be overwritten soon; or those of a finished
 * erasure, which the next checkpoint must remove (`all`).
 */
export type Erasing = "nothing" | "some" | "all";

/**
 * All messages of the log after one position up to another, with FIELDS_PER_ENTRY numbers for each. The thread reads
 * messages outside of that range from the store file.
 */
export interface UnindexedEntries {
  readonly after: number;
  readonly upTo: number;
  readonly numbers: Float64Array;
}

export interface IndexWorkerReply {
  /** A filter over all keys in the index; sent when it was created or had to grow. */
  readonly filter?: SharedArrayBuffer;
  /** The last log position that is in the index now. */
  readonly indexed?: number;
  /** Whether the write-ahead log was truncated, if `erasing` was `all`. */
  readonly walTruncated?: boolean;
  /** The result of a prune request. */
  readonly pruned?: PruneResult;
  /** Confirms a `release` request. */
  readonly released?: true;
  /** The text of the error, if the request failed. The next round tries again. */
  readonly failed?: string;
  /** The damaged file, if damage was the cause of the error. */
  readonly damaged?: "index" | "store";
}

/** Entries that a round merges: several for each newly indexed message, so that there are few runs, and a constant number more. */
const COMPACTED_PER_MESSAGE = 6;
const COMPACTED_BASE = 100_000;

/** Above this size of its content, in bytes, the write-ahead log is restarted, even if writers must wait a moment. */
const WAL_RESTART_BYTES = 64 * 1024 * 1024;

/** The same while texts are being erased. It is smaller, so that the texts in the write-ahead log are overwritten sooner. */
const WAL_RESTART_ERASING_BYTES = 4 * 1024 * 1024;

/** A larger file of the write-ahead log, in bytes, is truncated, so that a peak of load does not occupy the disk for ever. */
const MAX_WAL_FILE_BYTES = 4 * WAL_RESTART_BYTES;

/**
 * With this, the event loop has priority when both threads compete for one core. The index worker gets a quarter of the core
 * then; under full load it needs at most a seventh.
 */
const NICE = 5;

lowerThreadPriority(NICE);

let worker: ReturnType<typeof openWorker> | undefined;

parentPort?.on("message", (request: IndexWorkerRequest) => {
  try {
    if ("open" in request) {
      const { store, index } = request.open;
      worker = withIndexGuard(index, () => openWorker(store, index));
    } else if ("release" in request) {
      worker?.close();
      worker = undefined;
      sendReply({ released: true });
    } else if (worker === undefined) throw new Error("the index worker could not open its files");
    else if ("below" in request)
      sendReply({ pruned: worker.prune(request.conversation, request.below, request.count) });
    else sendReply(worker.round(request));
  } catch (error) {
    const failed = { failed: String(error), ...damageIn(error) };
    sendReply("below" in request ? { ...failed, pruned: { positions: [], more: false } } : failed);
  }
});

/** An error of the store file. It has no SQLite error code, so that it is not mistaken for an error of the index. */
class StoreReadFailed extends Error {
  constructor(override readonly cause: unknown) {
    super(String(cause), { cause });
  }
}

/** Runs `work` on the store file, as a part of work on the index. Throws StoreReadFailed. */
function fromStore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StoreReadFailed(error);
  }
}

function damageIn(error: unknown): Pick<IndexWorkerReply, "damaged"> {
  if (error instanceof IndexCorrupted) return { damaged: "index" };
  return error instanceof StoreReadFailed && classifyError(error.cause) === "damaged"
    ? { damaged: "store" }
    : {};
}

function sendReply(reply: IndexWorkerReply): void {
  parentPort?.postMessage(reply);
}

function openLog(path: string) {
  const store = new Database(path);
  store.run("pragma busy_timeout = 100");
  const { page_size: pageSize } = store.query("pragma page_size").get() as { page_size: number };
  const messageAt = store.prepare("select 1 from message where position = ? and sender <> ''");
  const messagesBetween = store.prepare(
    "select position, key, conversation, seq from message where position > ? and position <= ? and sender <> '' order by position",
  );
  return { store, pageSize, messageAt, messagesBetween };
}

function openWorker(storePath: string, indexPath: string) {
  const index = openIndex(indexPath);
  const { store, pageSize, messageAt, messagesBetween } = fromStore(() => openLog(storePath));
  const reader = new RunReader(index);
  const blocks = new BlockStore(index);
  const compactor = new Compactor(index, blocks);
  /** The number of messages whose keys are in the filter. */
  let keysInFilter = 0;
  // Until the event loop receives it, it looks up each message in the index.
  let filter = makeFilter(0);

  /** Makes a filter of twice the size that all keys of the index and `more` keys need, and sends it to the event loop. */
  function makeFilter(more: number): BloomFilter {
    const runs = readRuns(index).filter(({ state }) => state === "whole");
    keysInFilter = runs.reduce((sum, run) => sum + run.entries, 0);
    const made = BloomFilter.sized((keysInFilter + more) * 2);
    for (const run of runs) for (const row of blocks.eachKeys(run)) made.addAll(decodeKeyBlock(row).keys);
    sendReply({ filter: made.memory });
    return made;
  }

  /** Indexes the messages up to the position `upTo`. Returns their number. */
  function ingestUpTo(upTo: number, unindexed: UnindexedEntries | undefined): number {
    let ingested = 0;
    for (let from = readIndexed(index); from < upTo; ) {
      const to = Math.min(upTo, from + MAX_INGEST);
      const messages = entriesBetween(from, to, unindexed);
      const count = messages.length / FIELDS_PER_ENTRY;
      if (keysInFilter + count > filter.capacity) filter = makeFilter(count);
      keysInFilter += count;
      index
        .transaction(() => {
          ingest(index, blocks, messages, (keys) => filter.addAll(keys));
          index.query("insert or replace into meta values ('indexed', ?)").run(String(to));
        })
        .immediate();
      from = to;
      ingested += count;
    }
    return ingested;
  }

  function entriesBetween(from: number, to: number, unindexed: UnindexedEntries | undefined): Float64Array {
    if (unindexed !== undefined && unindexed.after <= from && to <= unindexed.upTo)
      return between(unindexed.numbers, from, to);
    const rows = fromStore(() => messagesBetween.values(from, to) as number[][]);
    const numbers = new Float64Array(rows.length * FIELDS_PER_ENTRY);
    for (const [i, row] of rows.entries()) numbers.set(row, i * FIELDS_PER_ENTRY);
    return numbers;
  }

  /**
   * Copies the write-ahead log into the store file. Mostly in SQLite's mode PASSIVE, which neither waits for other
   * connections nor blocks them. If `erasing` is `all`, truncates the log and returns whether that succeeded.
   */
  function checkpoint(erasing: Erasing): boolean {
    if (erasing === "all") {
      // Not RESTART: an overwritten log would still have old content at its end. It is busy while a connection reads an older state.
      const { busy } = store.query("pragma wal_checkpoint(truncate)").get() as { busy: number };
      return busy === 0;
    }
    const { log } = store.query("pragma wal_checkpoint(passive)").get() as { log: number };
    if (log * pageSize <= (erasing === "some" ? WAL_RESTART_ERASING_BYTES : WAL_RESTART_BYTES)) return false;
    // Under constant writes, PASSIVE never copies the log to its end, so the log grows. RESTART blocks writers while the small
    // rest is copied; the event loop does not block, it tries again every 2 ms. Then the file is overwritten from its start and
    // keeps its size: truncating it (TRUNCATE) takes the file system 20 to 50 ms, during which no commit succeeds.
    const mode = walSize(storePath) > MAX_WAL_FILE_BYTES ? "truncate" : "restart";
    store.query(`pragma wal_checkpoint(${mode})`).get();
    return false;
  }

  return {
    close,

    prune: (conversation: number, below: number, count: number): PruneResult =>
      withIndexGuard(indexPath, () =>
        prune(index, reader, (position) => fromStore(() => messageAt.get(position) !== null), {
          conversation,
          below,
          count,
        }),
      ),

    round({
      upTo,
      last,
      erasing,
      messages,
    }: Extract<IndexWorkerRequest, { upTo: number }>): IndexWorkerReply {
      try {
        withIndexGuard(indexPath, () => {
          const ingested = ingestUpTo(upTo, messages);
          if (!last) compactor.work(ingested * COMPACTED_PER_MESSAGE + COMPACTED_BASE);
        });
        // Also without new messages: charges for history requests are written to the log, too.
        const walTruncated = fromStore(() => checkpoint(erasing));
        return { indexed: readIndexed(index), walTruncated };
      } finally {
        if (last) close();
      }
    },
  };

  function close(): void {
    for (const part of [reader, blocks, compactor]) part.close();
    for (const statement of [messageAt, messagesBetween]) statement.finalize();
    for (const db of [index, store]) db.close();
  }
}

/** Returns the numbers of the messages with `from` < position ≤ `to`. */
function between(numbers: Float64Array, from: number, to: number): Float64Array {
  return numbers.subarray(firstAfter(numbers, from), firstAfter(numbers, to));
}

/** Returns the offset of the numbers of the first message after `position`. */
function firstAfter(numbers: Float64Array, position: number): number {
  let [low, high] = [0, numbers.length / FIELDS_PER_ENTRY];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle * FIELDS_PER_ENTRY]! <= position) low = middle + 1;
    else high = middle;
  }
  return low * FIELDS_PER_ENTRY;
}

function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
