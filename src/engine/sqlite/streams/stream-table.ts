import type { Database, Statement } from "bun:sqlite";
import type { StreamAppend } from "../../../core/ports/conversation/streams.ts";

/** An open stream on disk, with its text. */
export interface StoredStream {
  readonly number: number;
  readonly conversation: string;
  /** The epoch in which it was started. */
  readonly epoch: string;
  readonly stream: string;
  readonly user: string;
  readonly id: string;
  readonly data: string | null;
  readonly replyTo: number | null;
  readonly generation: number;
  readonly startedAt: number;
}

/** One batch of appends on disk. */
interface StoredBatch {
  readonly position: number;
  readonly stream: number;
  /** The newest append in it. */
  readonly n: number;
  readonly text: string;
}

/**
 * The rows of open streams: one for each, and one for each batch of appends (ST5). A batch is written once, at the end of its
 * table. When the stream ends, its text is overwritten in place: rows that are deleted among others leave copies behind.
 */
export class StreamTable {
  private readonly insert: Statement<{ number: number }>;
  private readonly insertBatch: Statement<{ position: number }>;
  private readonly blankBatch: Statement;
  /** Whether there may be batches that were overwritten and not deleted. */
  private hasBlank = false;

  constructor(private readonly db: Database) {
    this.insert = db.prepare(
      "insert into stream (conversation, epoch, stream, user, id, data, replyTo, generation, startedAt) values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning number",
    );
    this.insertBatch = db.prepare(
      "insert into stream_batch (stream, n, text) values (?, ?, ?) returning position",
    );
    this.blankBatch = db.prepare("update stream_batch set text = '' where position = ?");
  }

  /** Reads all open streams, each with its batches in their order. */
  readAll(): { readonly row: StoredStream; readonly batches: readonly StoredBatch[] }[] {
    const rows = this.db.query("select * from stream order by number").all() as StoredStream[];
    const batches = this.db
      .query("select position, stream, n, text from stream_batch where text <> '' order by position")
      .all() as StoredBatch[];
    this.hasBlank = true;
    const decoded = batches.map((batch) => ({ ...batch, text: JSON.parse(batch.text) as string }));
    const byStream = Map.groupBy(decoded, ({ stream }) => stream);
    return rows.map((row) => ({ row, batches: byStream.get(row.number) ?? [] }));
  }

  /** Writes a new stream; returns its number. */
  add(row: Omit<StoredStream, "number">): number {
    const { conversation, epoch, stream, user, id, data, replyTo, generation, startedAt } = row;
    return this.insert.get(conversation, epoch, stream, user, id, data, replyTo, generation, startedAt)!
      .number;
  }

  /** Writes another writer of a stream, and `data` that an append has replaced. */
  update(number: number, generation: number, data: string | undefined): void {
    this.db
      .query("update stream set generation = ?, data = ? where number = ?")
      .run(generation, data ?? null, number);
  }

  /**
   * Writes a batch; returns its position. The text is written as JSON: an append may end within a surrogate pair, which UTF-8
   * cannot hold; and a batch without text is not blank.
   */
  append(number: number, appends: readonly StreamAppend[]): number {
    const text = appends.map((append) => append.text).join("");
    return this.insertBatch.get(number, appends.at(-1)!.n, JSON.stringify(text))!.position;
  }

  /** Overwrites batches: their text is dropped, or part of a message now. */
  blank(positions: readonly number[]): void {
    if (positions.length === 0) return;
    // A batch may be larger than a page; without this, SQLite leaves what is in the pages that it frees.
    this.db.run("pragma secure_delete = on");
    try {
      for (const position of positions) this.blankBatch.run(position);
    } finally {
      this.db.run("pragma secure_delete = fast");
    }
    this.hasBlank = true;
  }

  /** Removes the row of a stream that has ended. */
  remove(number: number): void {
    this.db.query("update stream set data = null, id = '' where number = ?").run(number);
    this.db.query("delete from stream where number = ?").run(number);
  }

  /** Deletes the oldest batches that were overwritten, in their order. */
  prune(): void {
    if (!this.hasBlank) return;
    this.db.run(
      "delete from stream_batch where position < coalesce((select min(position) from stream_batch where text <> ''), 9223372036854775807)",
    );
    this.hasBlank = false;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.insert.finalize();
    this.insertBatch.finalize();
    this.blankBatch.finalize();
  }
}
