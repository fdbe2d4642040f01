import type { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";
import type { Emit } from "../../../core/events/events.ts";
import { classifyError } from "../folder/errors.ts";
import { beginEpoch, IndexLayoutMismatch, openIndex, readLastPosition, readMeta } from "../schema.ts";
import { RunReader } from "./runs/run-reader.ts";

/** Reads the index (schema.ts). The index worker writes it, through a connection of its own. */
export class IndexFile {
  private runs: RunReader;

  constructor(
    private db: Database,
    readonly path: string,
  ) {
    this.runs = new RunReader(db);
  }

  /** Deletes the file and creates an empty index that belongs to `store`. The index worker MUST NOT have the file open. */
  reset(store: Database): void {
    this.close();
    discard(this.path);
    this.db = openEmptyIndex(this.path, store);
    this.runs = new RunReader(this.db);
  }

  /** The last log position that is in the index. */
  get indexed(): number {
    return readIndexed(this.db);
  }

  /** Yields the positions with `key`, some of which may be of removed messages. Newer ones come first and cost less. */
  *withKey(key: number): Generator<number, void> {
    try {
      yield* this.runs.withKey(key);
    } catch (error) {
      throw asIndexError(this.path, error);
    }
  }

  /** Returns the positions of the messages with `first` ≤ seq ≤ `last`, in the order of `seq`. */
  range(conversation: number, first: number, last: number): number[] {
    return withIndexGuard(this.path, () => this.runs.range(conversation, first, last)).map(
      ({ position }) => position,
    );
  }

  /** Returns the newest `seq` of a conversation in the index; 0 for none. */
  newestSeq(conversation: number): number {
    return withIndexGuard(this.path, () => this.runs.newestSeq(conversation));
  }

  /** Whether the index has entries of a conversation with seq < `floor` whose messages are not recorded as removed. */
  hasBelow(conversation: number, floor: number): boolean {
    return withIndexGuard(this.path, () => {
      const cleaned = this.runs.cleanedBelow(conversation);
      return cleaned < floor && this.runs.newestSeq(conversation) >= cleaned;
    });
  }

  close(): void {
    // A statement that is not finalized keeps the connection open, and with it the write-ahead log, until garbage collection.
    this.runs.close();
    this.db.close();
  }
}

/** Raised when the index is damaged. It can be rebuilt from the log. */
export class IndexCorrupted extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path} is damaged (${cause instanceof Error ? cause.message : cause}).`, { cause });
  }
}

/** Returns the last log position that is in an index. */
export function readIndexed(index: Database): number {
  return Number(readMeta(index, "indexed") ?? 0);
}

/**
 * Opens the index at `path`. Deletes an index that is damaged, has another layout, belongs to another store, or reaches
 * further than the log, and creates an empty one, because it can be rebuilt from the log. An index that reaches further shows
 * that the log has lost its end with the power of the machine; then the store begins a new epoch.
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

/** Begins a new epoch because the log lacks its last `messages` messages, so that clients that saw them are notified (D5). */
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
 * Opens the index for reading, while a server may run on the folder. Never changes the file: if the index cannot be used,
 * returns an empty one in memory, so that everything is read from the log.
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

/** Runs `work` on the index at `path`. Throws IndexCorrupted when it finds damage. */
export function withIndexGuard<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asIndexError(path, error);
  }
}

/** Returns the error to throw for an error in the index at `path`. */
function asIndexError(path: string, error: unknown): unknown {
  return isCorruption(error) ? new IndexCorrupted(path, error) : error;
}

/**
 * Whether the index must be rebuilt. Unlike the store file, it is also given up when the file is missing or truncated, or
 * has the wrong tables, because no data is lost with it.
 */
function isCorruption(error: unknown): boolean {
  const { code } = error as { code?: string };
  if (classifyError(error) === "damaged") return true;
  return ["SQLITE_ERROR", "SQLITE_CANTOPEN", "SQLITE_READONLY_DBMOVED", "SQLITE_IOERR_SHORT_READ"].includes(
    code ?? "",
  );
}

/** Returns the index at `path` with its last position and its store's epoch; undefined if it cannot be read. */
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
