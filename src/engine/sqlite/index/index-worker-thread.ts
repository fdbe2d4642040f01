// Runs in a thread of its own, on connections of its own; see index-worker.ts.
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
  /** Lets go of the files, whatever state they are in, until they are opened again. */
  | { readonly release: true }
  /** One round; the `last` one closes the files. */
  | {
      readonly upTo: number;
      readonly last: boolean;
      readonly erasing: Erasing;
      readonly messages?: UnindexedEntries;
    }
  | { readonly conversation: number; readonly below: number; readonly count: number };

/** What the write-ahead log still holds: nothing that must go, texts that are being erased, or some that are to be gone now. */
export type Erasing = "nothing" | "some" | "all";

/** All messages of the log after a position and up to another, `NUMBERS` for each. Others are read from the store. */
export interface UnindexedEntries {
  readonly after: number;
  readonly upTo: number;
  readonly numbers: Float64Array;
}

export interface IndexWorkerReply {
  /** A filter over every key that the index holds, when it was made or had to grow. */
  readonly filter?: SharedArrayBuffer;
  /** The last log position that the index holds now. */
  readonly indexed?: number;
  /** Whether the write-ahead log was emptied, where that was asked for. */
  readonly walTruncated?: boolean;
  /** Answers the order to drop messages. */
  readonly pruned?: PruneResult;
  /** Answers the order to let go of the files. */
  readonly released?: true;
  /** What went wrong, when something did; the next round tries again. */
  readonly failed?: string;
  /** Which file is damaged, when that is what went wrong. */
  readonly damaged?: "index" | "store";
}

/** Entries of the index merged in a round: several for each message taken in, so that runs stay few, and some besides. */
const COMPACTED_PER_MESSAGE = 6;
const COMPACTED_BASE = 100_000;

/** Size of the write-ahead log, in bytes, from which it is started afresh even if writers must wait a moment for it. */
const WAL_RESTART_BYTES = 64 * 1024 * 1024;

/** The same while texts are being erased: what it holds of them is written over sooner. */
const WAL_RESTART_ERASING_BYTES = 4 * 1024 * 1024;

/** Size of its file, in bytes, up to which it is kept: a rush that left more behind does not stay on the disk. */
const MAX_WAL_FILE_BYTES = 4 * WAL_RESTART_BYTES;

/** Where both want the same core the event loop goes first; the keeper, which needs a seventh of it at most, gets a quarter. */
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
    } else if (worker === undefined) throw new Error("the keeper could not open its files");
    else if ("below" in request)
      sendReply({ pruned: worker.prune(request.conversation, request.below, request.count) });
    else sendReply(worker.round(request));
  } catch (error) {
    const failed = { failed: String(error), ...damageIn(error) };
    sendReply("below" in request ? { ...failed, pruned: { positions: [], more: false } } : failed);
  }
});

/** A fault of the truth. It has no code of SQLite's, or it would be taken for one of the index. */
class StoreReadFailed extends Error {
  constructor(override readonly cause: unknown) {
    super(String(cause), { cause });
  }
}

/** Does `work` on the truth, in the middle of work on the index. Throws StoreReadFailed. */
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
  /** Messages whose keys the filter has. */
  let keysInFilter = 0;
  // Until this is told, the event loop asks the index about each message.
  let filter = makeFilter(0);

  /** A filter over all keys of the index, with as much room again and for `more`; the event loop is told. */
  function makeFilter(more: number): BloomFilter {
    const runs = readRuns(index).filter(({ state }) => state === "whole");
    keysInFilter = runs.reduce((sum, run) => sum + run.entries, 0);
    const made = BloomFilter.sized((keysInFilter + more) * 2);
    for (const run of runs) for (const row of blocks.eachKeys(run)) made.addAll(decodeKeyBlock(row).keys);
    sendReply({ filter: made.memory });
    return made;
  }

  /** Takes messages up to `upTo` into the index. Returns how many. */
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

  /** Copies the write-ahead log into the store. PASSIVE waits for nobody and stops nobody. Returns whether it is empty, where that is asked for. */
  function checkpoint(erasing: Erasing): boolean {
    if (erasing === "all") {
      // Written over it would still end with what was there before. Where somebody reads an older state it stays.
      const { busy } = store.query("pragma wal_checkpoint(truncate)").get() as { busy: number };
      return busy === 0;
    }
    const { log } = store.query("pragma wal_checkpoint(passive)").get() as { log: number };
    if (log * pageSize <= (erasing === "some" ? WAL_RESTART_ERASING_BYTES : WAL_RESTART_BYTES)) return false;
    // Under constant writing the log never comes to be read to its end, and grows. RESTART holds writers off while
    // the little that is left is copied; they try again each 2 ms, so the event loop goes on. The file keeps its size
    // and is written over: to cut it short (TRUNCATE) takes the file system 20 to 50 ms, in which no commit gets through.
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
        // Also where no message came: requests for history are charged, and that is written too.
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

/** Those of the messages that stand after `from`, up to `to`. */
function between(numbers: Float64Array, from: number, to: number): Float64Array {
  return numbers.subarray(firstAfter(numbers, from), firstAfter(numbers, to));
}

/** Where the numbers of the first message after `position` begin. */
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
