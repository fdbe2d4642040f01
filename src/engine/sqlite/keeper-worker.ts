// Runs in a thread of its own, on connections of its own; see keeper.ts.
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { faultOf } from "./faults.ts";
import { guardIndex, IndexDamaged, readIndexed } from "./index-file.ts";
import { KeyFilter } from "./key-filter.ts";
import { type Dropped, drop } from "./runs/dropping.ts";
import { openKeyPiece } from "./runs/key-pieces.ts";
import { Merger } from "./runs/merging.ts";
import { Pieces } from "./runs/pieces.ts";
import { RunReader } from "./runs/reader.ts";
import { readRuns } from "./runs/table.ts";
import { MOST_TAKEN, NUMBERS, takeIn } from "./runs/taking-in.ts";

import { openIndex } from "./schema.ts";
import { yieldToOthers } from "./thread-priority.ts";

export type KeeperOrder =
  | { readonly open: { readonly store: string; readonly index: string } }
  /** Lets go of the files, whatever state they are in, until they are opened again. */
  | { readonly letGo: true }
  /** One round; the `last` one closes the files. */
  | { readonly upTo: number; readonly last: boolean; readonly erasing: Erasing; readonly messages?: Handed }
  | { readonly conversation: number; readonly below: number; readonly count: number };

/** What the write-ahead log still holds: nothing that must go, texts that are being erased, or some that are to be gone now. */
export type Erasing = "nothing" | "some" | "all";

/** All messages of the log after a position and up to another, `NUMBERS` for each. Others are read from the store. */
export interface Handed {
  readonly after: number;
  readonly upTo: number;
  readonly numbers: Float64Array;
}

export interface KeeperReport {
  /** A filter over every key that the index holds, when it was made or had to grow. */
  readonly filter?: SharedArrayBuffer;
  /** The last log position that the index holds now. */
  readonly indexed?: number;
  /** Whether the write-ahead log was emptied, where that was asked for. */
  readonly emptied?: boolean;
  /** Answers the order to drop messages. */
  readonly dropped?: Dropped;
  /** Answers the order to let go of the files. */
  readonly free?: true;
  /** What went wrong, when something did; the next round tries again. */
  readonly failed?: string;
  /** Which file is damaged, when that is what went wrong. */
  readonly damaged?: "index" | "store";
}

/** Entries of the index merged in a round: several for each message taken in, so that runs stay few, and some besides. */
const MERGED_PER_MESSAGE = 6;
const MERGED_BESIDES = 100_000;

/** Size of the write-ahead log, in bytes, from which it is started afresh even if writers must wait a moment for it. */
const RESTART_AT = 64 * 1024 * 1024;

/** The same while texts are being erased: what it holds of them is written over sooner. */
const RESTART_WHILE_ERASING = 4 * 1024 * 1024;

/** Size of its file, in bytes, up to which it is kept: a rush that left more behind does not stay on the disk. */
const MOST_KEPT = 4 * RESTART_AT;

/** Where both want the same core the event loop goes first; the keeper, which needs a seventh of it at most, gets a quarter. */
const NICE = 5;

yieldToOthers(NICE);

let keeper: ReturnType<typeof openKeeper> | undefined;

parentPort?.on("message", (order: KeeperOrder) => {
  try {
    if ("open" in order) {
      const { store, index } = order.open;
      keeper = guardIndex(index, () => openKeeper(store, index));
    } else if ("letGo" in order) {
      keeper?.close();
      keeper = undefined;
      report({ free: true });
    } else if (keeper === undefined) throw new Error("the keeper could not open its files");
    else if ("below" in order) report({ dropped: keeper.drop(order.conversation, order.below, order.count) });
    else report(keeper.round(order));
  } catch (error) {
    const failed = { failed: String(error), ...damageIn(error) };
    report("below" in order ? { ...failed, dropped: { positions: [], more: false } } : failed);
  }
});

/** A fault of the truth. It has no code of SQLite's, or it would be taken for one of the index. */
class StoreFailed extends Error {
  constructor(override readonly cause: unknown) {
    super(String(cause), { cause });
  }
}

/** Does `work` on the truth, in the middle of work on the index. Throws StoreFailed. */
function fromStore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StoreFailed(error);
  }
}

function damageIn(error: unknown): Pick<KeeperReport, "damaged"> {
  if (error instanceof IndexDamaged) return { damaged: "index" };
  return error instanceof StoreFailed && faultOf(error.cause) === "damaged" ? { damaged: "store" } : {};
}

function report(news: KeeperReport): void {
  parentPort?.postMessage(news);
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

function openKeeper(storePath: string, indexPath: string) {
  const index = openIndex(indexPath);
  const { store, pageSize, messageAt, messagesBetween } = fromStore(() => openLog(storePath));
  const reader = new RunReader(index);
  const pieces = new Pieces(index);
  const merger = new Merger(index, pieces);
  /** Messages whose keys the filter has. */
  let filtered = 0;
  // Until this is told, the event loop asks the index about each message.
  let filter = makeFilter(0);

  /** A filter over all keys of the index, with as much room again and for `more`; the event loop is told. */
  function makeFilter(more: number): KeyFilter {
    const runs = readRuns(index).filter(({ state }) => state === "whole");
    filtered = runs.reduce((sum, run) => sum + run.entries, 0);
    const made = KeyFilter.sized((filtered + more) * 2);
    for (const run of runs) for (const row of pieces.eachKeys(run)) made.addAll(openKeyPiece(row).keys);
    report({ filter: made.memory });
    return made;
  }

  /** Takes messages up to `upTo` into the index. Answers how many. */
  function takeMessages(upTo: number, handed: Handed | undefined): number {
    let taken = 0;
    for (let from = readIndexed(index); from < upTo; ) {
      const to = Math.min(upTo, from + MOST_TAKEN);
      const messages = numbersBetween(from, to, handed);
      const count = messages.length / NUMBERS;
      if (filtered + count > filter.capacity) filter = makeFilter(count);
      filtered += count;
      index
        .transaction(() => {
          takeIn(index, pieces, messages, (keys) => filter.addAll(keys));
          index.query("insert or replace into meta values ('indexed', ?)").run(String(to));
        })
        .immediate();
      from = to;
      taken += count;
    }
    return taken;
  }

  function numbersBetween(from: number, to: number, handed: Handed | undefined): Float64Array {
    if (handed !== undefined && handed.after <= from && to <= handed.upTo)
      return between(handed.numbers, from, to);
    const rows = fromStore(() => messagesBetween.values(from, to) as number[][]);
    const numbers = new Float64Array(rows.length * NUMBERS);
    for (const [i, row] of rows.entries()) numbers.set(row, i * NUMBERS);
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
    if (log * pageSize <= (erasing === "some" ? RESTART_WHILE_ERASING : RESTART_AT)) return false;
    // Under constant writing the log never comes to be read to its end, and grows. RESTART holds writers off while
    // the little that is left is copied; they try again each 2 ms, so the event loop goes on. The file keeps its size
    // and is written over: to cut it short (TRUNCATE) takes the file system 20 to 50 ms, in which no commit gets through.
    const mode = walSize(storePath) > MOST_KEPT ? "truncate" : "restart";
    store.query(`pragma wal_checkpoint(${mode})`).get();
    return false;
  }

  return {
    close,

    drop: (conversation: number, below: number, count: number): Dropped =>
      guardIndex(indexPath, () =>
        drop(index, reader, (position) => fromStore(() => messageAt.get(position) !== null), {
          conversation,
          below,
          count,
        }),
      ),

    round({ upTo, last, erasing, messages }: Extract<KeeperOrder, { upTo: number }>): KeeperReport {
      try {
        guardIndex(indexPath, () => {
          const taken = takeMessages(upTo, messages);
          if (!last) merger.work(taken * MERGED_PER_MESSAGE + MERGED_BESIDES);
        });
        // Also where no message came: requests for history are charged, and that is written too.
        const emptied = fromStore(() => checkpoint(erasing));
        return { indexed: readIndexed(index), emptied };
      } finally {
        if (last) close();
      }
    },
  };

  function close(): void {
    for (const part of [reader, pieces, merger]) part.close();
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
  let [low, high] = [0, numbers.length / NUMBERS];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle * NUMBERS]! <= position) low = middle + 1;
    else high = middle;
  }
  return low * NUMBERS;
}

function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
