// Runs in a thread of its own, on connections of its own; see keeper.ts.
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { guardIndex, readIndexed } from "./index-file.ts";
import { KeyFilter } from "./key-filter.ts";
import { openIndex } from "./schema.ts";

export type KeeperOrder =
  | { readonly open: { readonly store: string; readonly index: string } }
  /** One round; the `last` one closes the files. */
  | { readonly upTo: number; readonly last: boolean }
  | { readonly conversation: number; readonly below: number; readonly count: number };

/** What is to be deleted from the log next. */
export interface Dropped {
  readonly positions: readonly number[];
  /** Whether there may be more when these are gone. */
  readonly more: boolean;
}

export interface KeeperReport {
  /** A filter over every key that the index holds, when it was made or had to grow. */
  readonly filter?: SharedArrayBuffer;
  /** The last log position that the index holds now. */
  readonly indexed?: number;
  /** Answers the order to drop messages. */
  readonly dropped?: Dropped;
  /** What went wrong, when something did; the next round tries again. */
  readonly failed?: string;
}

/** Messages taken into the index by one transaction. */
const INDEX_STEP = 50_000;

/** Size of the write-ahead log, in bytes, from which it is started afresh even if writers must wait a moment for it. */
const RESTART_AT = 64 * 1024 * 1024;

let keeper: ReturnType<typeof openKeeper> | undefined;

parentPort?.on("message", (order: KeeperOrder) => {
  try {
    if ("open" in order) {
      const { store, index } = order.open;
      keeper = guardIndex(index, () => openKeeper(store, index));
    } else if (keeper === undefined) throw new Error("the keeper could not open its files");
    else if ("below" in order) report({ dropped: keeper.drop(order.conversation, order.below, order.count) });
    else report({ indexed: keeper.round(order.upTo, order.last) });
  } catch (error) {
    const failed = String(error);
    report("below" in order ? { failed, dropped: { positions: [], more: false } } : { failed });
  }
});

function report(news: KeeperReport): void {
  parentPort?.postMessage(news);
}

function openKeeper(storePath: string, indexPath: string) {
  const index = openIndex(indexPath);
  index.query("attach ? as store").run(storePath);
  const store = new Database(storePath);
  store.run("pragma busy_timeout = 100");
  // Until this is told, the event loop asks the index about each message.
  let filter = KeyFilter.sized(readIndexed(index) * 2);
  addKeys(filter, "select key from by_key");
  report({ filter: filter.memory });

  /** Takes messages up to `upTo` into the index, in the index's own order so that each page is written once. */
  function takeIn(upTo: number): void {
    for (let from = readIndexed(index); from < upTo; from += INDEX_STEP) {
      const to = Math.min(upTo, from + INDEX_STEP);
      index.transaction(() => {
        index
          .query(
            `insert or replace into by_seq select conversation, seq, position from store.message
             where position > ? and position <= ? order by conversation, seq`,
          )
          .run(from, to);
        index
          .query(
            `insert or ignore into by_key select key, position from store.message
             where position > ? and position <= ? order by key`,
          )
          .run(from, to);
        index.query("insert or replace into meta values ('indexed', ?)").run(String(to));
      })();
      extendFilter(from, to);
    }
  }

  /** Adds the keys of the messages after `from` and up to `to`; a filter that is full makes way for one twice as large. */
  function extendFilter(from: number, to: number): void {
    // Positions are never used twice, so the newest one says how many keys there can be.
    if (to > filter.capacity) {
      const grown = KeyFilter.sized(to * 2);
      addKeys(grown, "select key from by_key");
      filter = grown;
      report({ filter: grown.memory });
    } else addKeys(filter, "select key from store.message where position > ? and position <= ?", from, to);
  }

  function addKeys(target: KeyFilter, query: string, ...bounds: number[]): void {
    using statement = index.prepare(query);
    for (const { key } of statement.iterate(...bounds) as IterableIterator<{ key: number }>) target.add(key);
  }

  /** Copies the write-ahead log into the store. PASSIVE waits for nobody and stops nobody. */
  function checkpoint(): void {
    store.query("pragma wal_checkpoint(passive)").get();
    // Under constant writing the log never comes to be read to its end, and grows. RESTART holds writers off while
    // the little that is left is copied; they try again each 2 ms, so the event loop goes on.
    if (walSize(storePath) > RESTART_AT) store.query("pragma wal_checkpoint(truncate)").get();
  }

  /** See `Keeper.drop`. */
  function drop(conversation: number, below: number, count: number): Dropped {
    const positions: number[] = [];
    // Those named last, which are gone now, and as many new ones.
    const looked = 2 * count;
    const entries = index
      .query("select seq, position from by_seq where conversation = ? and seq < ? order by seq limit ?")
      .all(conversation, below, looked) as { seq: number; position: number }[];
    index.transaction(() => {
      for (const { seq, position } of entries) {
        const row = index.query("select key from store.message where position = ?").get(position) as {
          key: number;
        } | null;
        if (row === null) {
          index.query("delete from by_seq where conversation = ? and seq = ?").run(conversation, seq);
        } else if (positions.length < count) {
          index.query("delete from by_key where key = ? and position = ?").run(row.key, position);
          positions.push(position);
        }
      }
    })();
    return { positions, more: entries.length === looked };
  }

  return {
    drop: (conversation: number, below: number, count: number) =>
      guardIndex(indexPath, () => drop(conversation, below, count)),

    round(upTo: number, last: boolean): number {
      try {
        guardIndex(indexPath, () => takeIn(upTo));
        // Also where no message came: requests for history are charged, and that is written too.
        checkpoint();
        return readIndexed(index);
      } finally {
        if (last) for (const db of [index, store]) db.close();
      }
    },
  };
}

function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
