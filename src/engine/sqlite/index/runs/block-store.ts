import type { Database, Statement } from "bun:sqlite";
import { checksum } from "./checksum.ts";
import type { KeyRow } from "./key-blocks.ts";
import type { Run } from "./run-table.ts";
import type { SeqRow } from "./seq-blocks.ts";

/** Pieces of runs as they are stored, for the one that writes them. */
export class BlockStore {
  private readonly insertKeys: Statement;
  private readonly insertSeqs: Statement;
  private readonly selectKeys: Statement<KeyRow>;
  private readonly selectSeqs: Statement<SeqRow>;
  private readonly deleteKeys: Statement;
  private readonly deleteSeqs: Statement;

  constructor(index: Database) {
    this.insertKeys = index.prepare("insert into by_key (id, sum, entries) values (? << 32 | ?, ?, ?)");
    this.insertSeqs = index.prepare(
      "insert into by_seq (run, start, sum, places) values (?, ? << 32 | ?, ?, ?)",
    );
    this.selectKeys = index.prepare(
      "select ?1 as run, sum, entries from by_key where id between (?1 << 32 | ?2) and (?1 << 32 | ?3)",
    );
    this.selectSeqs = index.prepare("select run, sum, places from by_seq where run = ? order by start");
    this.deleteKeys = index.prepare(
      `delete from by_key where id in (
         select id from by_key where id between ?1 << 32 and (?1 << 32 | 4294967295) limit ?2
       )`,
    );
    this.deleteSeqs = index.prepare(
      "delete from by_seq where id in (select id from by_seq where run = ? limit ?)",
    );
  }

  writeKeys(run: number, bucket: number, piece: Uint8Array): void {
    this.insertKeys.run(run, bucket, checksum(piece, run), piece);
  }

  writeSeqs(run: number, conversation: number, seq: number, piece: Uint8Array): void {
    this.insertSeqs.run(run, conversation, seq, checksum(piece, run), piece);
  }

  /** Pieces by key from bucket `first` to bucket `last`. */
  keys(run: number, first: number, last: number): KeyRow[] {
    return this.selectKeys.all(run, Math.max(0, first), last);
  }

  eachKeys({ id, buckets }: Run): IterableIterator<KeyRow> {
    return this.selectKeys.iterate(id, 0, buckets);
  }

  eachSeqs({ id }: Run): IterableIterator<SeqRow> {
    return this.selectSeqs.iterate(id);
  }

  /** Deletes about `most` pieces of a run, of either kind. Returns how many; 0 when none is left. */
  delete(run: number, most: number): number {
    const deleted = this.deleteKeys.run(run, most).changes;
    return deleted + (deleted < most ? this.deleteSeqs.run(run, most - deleted).changes : 0);
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    const { insertKeys, insertSeqs, selectKeys, selectSeqs, deleteKeys, deleteSeqs } = this;
    for (const one of [insertKeys, insertSeqs, selectKeys, selectSeqs, deleteKeys, deleteSeqs])
      one.finalize();
  }
}
