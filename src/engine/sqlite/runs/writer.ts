import type { Database, Statement } from "bun:sqlite";
import { sumOf } from "./damage.ts";

/** Writes pieces, each with its sum. */
export class PieceWriter {
  private readonly byKey: Statement;
  private readonly bySeq: Statement;

  constructor(index: Database) {
    this.byKey = index.prepare("insert into by_key (run, bucket, sum, entries) values (?, ?, ?, ?)");
    this.bySeq = index.prepare("insert into by_seq (run, start, sum, places) values (?, ? << 32 | ?, ?, ?)");
  }

  writeKeys(run: number, bucket: number, piece: Uint8Array): void {
    this.byKey.run(run, bucket, sumOf(piece, run), piece);
  }

  writeSeqs(run: number, conversation: number, seq: number, piece: Uint8Array): void {
    this.bySeq.run(run, conversation, seq, sumOf(piece, run), piece);
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    this.byKey.finalize();
    this.bySeq.finalize();
  }
}
