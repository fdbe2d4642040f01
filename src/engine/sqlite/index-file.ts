import type { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";
import type { EngineLog } from "../engine-log.ts";
import { RunReader } from "./runs/reader.ts";
import { beginEpoch, IndexOfOtherLayout, openIndex, readLastPosition, readMeta } from "./schema.ts";

/** Reads the derived index (schema.ts). The keeper's thread writes it, through a connection of its own. */
export class IndexFile {
  private readonly runs: RunReader;

  constructor(
    private readonly db: Database,
    private readonly path: string,
  ) {
    this.runs = new RunReader(db);
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
      throw foundDamage(this.path, error);
    }
  }

  /** Positions of the messages with `first` ≤ seq ≤ `last`, in that order. */
  range(conversation: number, first: number, last: number): number[] {
    return guardIndex(this.path, () => this.runs.range(conversation, first, last)).map(
      ({ position }) => position,
    );
  }

  /** The newest `seq` it holds of a conversation; 0 for none. */
  newestSeq(conversation: number): number {
    return guardIndex(this.path, () => this.runs.newestSeq(conversation));
  }

  /** Whether it names messages of a conversation with seq < `floor` that are not known to be removed. */
  hasBelow(conversation: number, floor: number): boolean {
    return guardIndex(this.path, () => {
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

/** Raised when the index turns out to be damaged while it is in use. The next start makes it again. */
export class IndexDamaged extends Error {
  constructor(path: string) {
    super(`${path} is damaged and was thrown away; restart the server, which makes it again from the log.`);
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
export function openIndexFile(path: string, store: Database, log: EngineLog): IndexFile {
  const found = tryToOpen(path);
  const epoch = readMeta(store, "epoch");
  if (found !== undefined) {
    const ahead = found.indexed - readLastPosition(store);
    if (found.epoch === epoch && ahead <= 0) return found.index;
    found.index.close();
    if (found.epoch === epoch) {
      log.error("store.end_lost", {
        messages: ahead,
        advice: "The machine lost power, or an older copy was put back.",
      });
      beginEpoch(store);
    }
  }
  discard(path);
  const db = openIndex(path);
  db.query("insert or replace into meta values ('epoch', ?)").run(readMeta(store, "epoch") ?? "");
  return new IndexFile(db, path);
}

/**
 * Opens the index to read it beside a server that may be at work. It is left as it is: where it cannot be used, an empty
 * one in memory stands in, and everything is read from the log.
 */
export function openIndexBeside(path: string, store: Database): IndexFile {
  const found = existsSync(path) ? tryToOpen(path) : undefined;
  if (found !== undefined) {
    const usable = found.epoch === readMeta(store, "epoch") && found.indexed <= readLastPosition(store);
    if (usable) return found.index;
    found.index.close();
  }
  return new IndexFile(openIndex(":memory:"), path);
}

/** Does `work` on the index at `path`. Throws IndexDamaged when it meets damage, and throws the index away. */
export function guardIndex<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw foundDamage(path, error);
  }
}

/** What to throw for an error in the index at `path`, which is thrown away where it says that it is damaged. */
function foundDamage(path: string, error: unknown): unknown {
  if (!["SQLITE_CORRUPT", "SQLITE_NOTADB"].includes((error as { code?: string }).code ?? "")) return error;
  discard(path);
  return new IndexDamaged(path);
}

/** The index at `path` and what it says of itself, or undefined where what lies there cannot be read. */
function tryToOpen(
  path: string,
): { index: IndexFile; indexed: number; epoch: string | undefined } | undefined {
  let db: Database | undefined;
  try {
    return guardIndex(path, () => {
      db = openIndex(path);
      return { index: new IndexFile(db, path), indexed: readIndexed(db), epoch: readMeta(db, "epoch") };
    });
  } catch (error) {
    db?.close();
    if (error instanceof IndexDamaged || error instanceof IndexOfOtherLayout) return undefined;
    throw error;
  }
}

function discard(path: string): void {
  for (const ending of ["", "-wal", "-shm"]) rmSync(path + ending, { force: true });
}
