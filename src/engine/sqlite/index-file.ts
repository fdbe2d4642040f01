import type { Database, Statement } from "bun:sqlite";
import { rmSync } from "node:fs";
import { openIndex, readMeta } from "./schema.ts";

/** Reads the derived index (schema.ts). The keeper's thread writes it, through a connection of its own. */
export class IndexFile {
  private readonly keyPositions: Statement<{ position: number }>;
  private readonly seqPositions: Statement<{ position: number }>;
  private readonly newest: Statement<{ seq: number | null }>;

  constructor(private readonly db: Database) {
    this.keyPositions = db.prepare("select position from by_key where key = ?");
    this.seqPositions = db.prepare(
      "select position from by_seq where conversation = ? and seq between ? and ? order by seq",
    );
    this.newest = db.prepare("select max(seq) as seq from by_seq where conversation = ?");
  }

  /** The last log position it holds. */
  get indexed(): number {
    return readIndexed(this.db);
  }

  /** Positions that share `key`. */
  withKey(key: number): number[] {
    return this.keyPositions.all(key).map((row) => row.position);
  }

  /** Positions of the messages with `first` ≤ seq ≤ `last`, in that order. */
  range(conversation: number, first: number, last: number): number[] {
    return this.seqPositions.all(conversation, first, last).map((row) => row.position);
  }

  /** The newest `seq` it holds of a conversation; 0 for none. */
  newestSeq(conversation: number): number {
    return this.newest.get(conversation)?.seq ?? 0;
  }

  close(): void {
    this.db.close();
  }
}

/** The last log position that an index holds. */
export function readIndexed(index: Database): number {
  return Number(readMeta(index, "indexed") ?? 0);
}

/**
 * Opens the index at `path`; one that is damaged, or ahead of a log that lost its end with the machine's power, is
 * thrown away: it can be made again from the log, whose last position is `lastPosition`.
 */
export function openIndexFile(path: string, lastPosition: number): IndexFile {
  try {
    const index = new IndexFile(openIndex(path));
    if (index.indexed <= lastPosition) return index;
    index.close();
  } catch (error) {
    if (!["SQLITE_CORRUPT", "SQLITE_NOTADB"].includes((error as { code?: string }).code ?? "")) throw error;
  }
  for (const ending of ["", "-wal", "-shm"]) rmSync(path + ending, { force: true });
  return new IndexFile(openIndex(path));
}
