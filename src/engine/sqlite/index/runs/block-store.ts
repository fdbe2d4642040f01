import type { Database, Statement } from "bun:sqlite";
import { checksum } from "./checksum.ts";
import type { KeyRow } from "./key-blocks.ts";
import type { Run } from "./run-table.ts";
import type { SeqRow } from "./seq-blocks.ts";

/** Reads, writes and deletes the blocks of runs, for the index worker. */
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

  writeKeys(run: number, bucket: number, block: Uint8Array): void {
    this.insertKeys.run(run, bucket, checksum(block, run), block);
  }

  writeSeqs(run: number, conversation: number, seq: number, block: Uint8Array): void {
    this.insertSeqs.run(run, conversation, seq, checksum(block, run), block);
  }

  /** Returns the key blocks of the buckets `first` to `last`. */
  keys(run: number, first: number, last: number): KeyRow[] {
    return this.selectKeys.all(run, Math.max(0, first), last);
  }

  eachKeys({ id, buckets }: Run): IterableIterator<KeyRow> {
    return this.selectKeys.iterate(id, 0, buckets);
  }

  eachSeqs({ id }: Run): IterableIterator<SeqRow> {
    return this.selectSeqs.iterate(id);
  }

  /** Deletes about `most` blocks of a run, of both kinds. Returns how many; 0 when none is left. */
  delete(run: number, most: number): number {
    const deleted = this.deleteKeys.run(run, most).changes;
    return deleted + (deleted < most ? this.deleteSeqs.run(run, most - deleted).changes : 0);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    const { insertKeys, insertSeqs, selectKeys, selectSeqs, deleteKeys, deleteSeqs } = this;
    for (const one of [insertKeys, insertSeqs, selectKeys, selectSeqs, deleteKeys, deleteSeqs])
      one.finalize();
  }
}
