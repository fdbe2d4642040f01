import type { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";
import type { Emit } from "../../../core/events/events.ts";
import { classifyError } from "../folder/errors.ts";
import { beginEpoch, IndexLayoutMismatch, openIndex, readLastPosition, readMeta } from "../schema.ts";
import { RunReader } from "./runs/run-reader.ts";

/** Reads the derived index (schema.ts). The keeper's thread writes it, through a connection of its own. */
export class IndexFile {
  private runs: RunReader;

  constructor(
    private db: Database,
    readonly path: string,
  ) {
    this.runs = new RunReader(db);
  }

  /** Throws the file away and begins an empty one, which belongs to `store`; the keeper MUST NOT have it open. */
  reset(store: Database): void {
    this.close();
    discard(this.path);
    this.db = openEmptyIndex(this.path, store);
    this.runs = new RunReader(this.db);
  }

  /** The last log position it holds. */
  get indexed(): number {
    return readIndexed(this.db);
  }

  /** Positions that share `key`; some may be of messages that were removed. The newer ones come first and cost less. */
  *withKey(key: number): Generator<number, void> {
    try {
      yield* this.runs.withKey(key);
    } catch (error) {
      throw asIndexError(this.path, error);
    }
  }

  /** Positions of the messages with `first` ≤ seq ≤ `last`, in that order. */
  range(conversation: number, first: number, last: number): number[] {
    return withIndexGuard(this.path, () => this.runs.range(conversation, first, last)).map(
      ({ position }) => position,
    );
  }

  /** The newest `seq` it holds of a conversation; 0 for none. */
  newestSeq(conversation: number): number {
    return withIndexGuard(this.path, () => this.runs.newestSeq(conversation));
  }

  /** Whether it names messages of a conversation with seq < `floor` that are not known to be removed. */
  hasBelow(conversation: number, floor: number): boolean {
    return withIndexGuard(this.path, () => {
      const cleaned = this.runs.cleanedBelow(conversation);
      return cleaned < floor && this.runs.newestSeq(conversation) >= cleaned;
    });
  }

  close(): void {
    // A statement that is left keeps the connection, and with it the write-ahead log, until it is collected.
    this.runs.close();
    this.db.close();
  }
}

/** Raised when the index turns out to be damaged. It can be made again from the log. */
export class IndexCorrupted extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path} is damaged (${cause instanceof Error ? cause.message : cause}).`, { cause });
  }
}

/** The last log position that an index holds. */
export function readIndexed(index: Database): number {
  return Number(readMeta(index, "indexed") ?? 0);
}

/**
 * Opens the index at `path`. One that is damaged, of another layout, belongs to another store, or is ahead of a log that
 * lost its end with the machine's power, is thrown away: it can be made again from the log. A log that lost its end begins a new epoch.
 */
export function openIndexFile(path: string, store: Database, emit: Emit): IndexFile {
  const found = tryOpen(path);
  const epoch = readMeta(store, "epoch");
  if (found !== undefined) {
    const ahead = found.indexed - readLastPosition(store);
    if (found.epoch === epoch && ahead <= 0) return found.index;
    found.index.close();
    if (found.epoch === epoch) {
      recordLostTail(store, ahead, emit);
    }
  }
  discard(path);
  return new IndexFile(openEmptyIndex(path, store), path);
}

/** Begins a new epoch for a log that lacks its last `messages`: clients that saw them are notified (D5). */
export function recordLostTail(store: Database, messages: number, emit: Emit): void {
  emit("store.tail_lost", {
    messages,
    advice:
      "The machine lost power, a file of the store was cut short, or an older copy was restored. Clients are notified when they come back.",
  });
  beginEpoch(store);
}

function openEmptyIndex(path: string, store: Database): Database {
  const db = openIndex(path);
  db.query("insert or replace into meta values ('epoch', ?)").run(readMeta(store, "epoch") ?? "");
  return db;
}

/**
 * Opens the index to read it beside a server that may be at work. It is left as it is: where it cannot be used, an empty
 * one in memory stands in, and everything is read from the log.
 */
export function openIndexReadOnly(path: string, store: Database): IndexFile {
  const found = existsSync(path) ? tryOpen(path) : undefined;
  if (found !== undefined) {
    const usable = found.epoch === readMeta(store, "epoch") && found.indexed <= readLastPosition(store);
    if (usable) return found.index;
    found.index.close();
  }
  return new IndexFile(openIndex(":memory:"), path);
}

/** Does `work` on the index at `path`. Throws IndexCorrupted when it meets damage. */
export function withIndexGuard<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asIndexError(path, error);
  }
}

/** What to throw for an error in the index at `path`. */
function asIndexError(path: string, error: unknown): unknown {
  return isCorruption(error) ? new IndexCorrupted(path, error) : error;
}

/**
 * Whether an index can only be made again. Unlike the truth it is also given up where its file is gone or cut short, and
 * where its tables are not what they should be: nothing is lost with it.
 */
function isCorruption(error: unknown): boolean {
  const { code } = error as { code?: string };
  if (classifyError(error) === "damaged") return true;
  return ["SQLITE_ERROR", "SQLITE_CANTOPEN", "SQLITE_READONLY_DBMOVED", "SQLITE_IOERR_SHORT_READ"].includes(
    code ?? "",
  );
}

/** The index at `path` and what it says of itself, or undefined where what lies there cannot be read. */
function tryOpen(path: string): { index: IndexFile; indexed: number; epoch: string | undefined } | undefined {
  let db: Database | undefined;
  try {
    return withIndexGuard(path, () => {
      db = openIndex(path);
      return { index: new IndexFile(db, path), indexed: readIndexed(db), epoch: readMeta(db, "epoch") };
    });
  } catch (error) {
    db?.close();
    if (error instanceof IndexCorrupted || error instanceof IndexLayoutMismatch) return undefined;
    throw error;
  }
}

function discard(path: string): void {
  for (const ending of ["", "-wal", "-shm"]) rmSync(path + ending, { force: true });
}
