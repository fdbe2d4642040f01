import type { Database, Statement } from "bun:sqlite";
import type { StreamAppend } from "../../../core/ports/conversation/streams.ts";

/** An open stream on disk, without its text. */
export interface StoredStream {
  readonly number: number;
  readonly conversation: string;
  /** The epoch in which it was started. */
  readonly epoch: string;
  readonly stream: string;
  readonly user: string;
  readonly id: string;
  readonly replyTo: number | null;
  readonly generation: number;
  /** 1: no mute or membership binds its writer. */
  readonly exempt: 0 | 1;
  readonly startedAt: number;
  /** Who has asked it to stop, and when the server does it. */
  readonly cancelledBy: string | null;
  readonly cancelUntil: number | null;
}

/** One batch of appends on disk. */
export interface StoredBatch {
  readonly position: number;
  readonly stream: number;
  /** The newest append in it. */
  readonly n: number;
  readonly text: string;
  /** As JSON; null where the batch does not replace it. */
  readonly data: string | null;
}

/** A request to stop the answers to a message, also those that start before `until` (ST4). */
export interface StopRequest {
  readonly conversation: string;
  readonly epoch: string;
  readonly replyTo: number;
  readonly by: string;
  readonly until: number;
}

/** So many blank rows stay before living ones: deleting them would have SQLite copy living rows to other pages, where they stay. */
const MARGIN_ROWS = 1_000;

/**
 * The rows of open streams: one for each, and one for each batch of appends (ST5). A batch is written once, at the end of its
 * table. When the stream ends, it is overwritten in place: rows that are deleted among others leave copies behind.
 */
export class StreamTable {
  private readonly insert: Statement<{ number: number }>;
  private readonly insertBatch: Statement<{ position: number }>;
  private readonly blankBatch: Statement;
  /** Whether there may be batches that were overwritten and not deleted. */
  private hasBlank = false;

  constructor(private readonly db: Database) {
    this.insert = db.prepare(
      "insert into stream (conversation, epoch, stream, user, id, reply_to, generation, exempt, started_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning number",
    );
    this.insertBatch = db.prepare(
      "insert into stream_batch (stream, n, text, data) values (?, ?, ?, ?) returning position",
    );
    this.blankBatch = db.prepare("update stream_batch set text = '', data = null where position = ?");
  }

  /** Reads all open streams, each with its batches in their order. */
  readAll(): { readonly row: StoredStream; readonly batches: readonly StoredBatch[] }[] {
    const rows = this.db
      .query(
        `select number, conversation, epoch, stream, user, id, generation, exempt, reply_to as replyTo, started_at as startedAt,
          cancelled_by as cancelledBy, cancel_until as cancelUntil from stream order by number`,
      )
      .all() as StoredStream[];
    const batches = this.db
      .query("select position, stream, n, text, data from stream_batch where text <> '' order by position")
      .all() as StoredBatch[];
    this.hasBlank = true;
    const decoded = batches.map((batch) => ({ ...batch, text: JSON.parse(batch.text) as string }));
    const byStream = Map.groupBy(decoded, ({ stream }) => stream);
    return rows.map((row) => ({ row, batches: byStream.get(row.number) ?? [] }));
  }

  /** Writes a new stream; returns its number. */
  add(row: Omit<StoredStream, "number" | "cancelledBy" | "cancelUntil">): number {
    const { conversation, epoch, stream, user, id, replyTo, generation, exempt, startedAt } = row;
    return this.insert.get(conversation, epoch, stream, user, id, replyTo, generation, exempt, startedAt)!
      .number;
  }

  /** Writes another writer of a stream. */
  setWriter(number: number, generation: number, exempt: boolean): void {
    this.db
      .query("update stream set generation = ?, exempt = ? where number = ?")
      .run(generation, exempt ? 1 : 0, number);
  }

  /** Writes a request to stop a stream. */
  setCancel(number: number, { by, until }: { readonly by: string; readonly until: number }): void {
    this.db
      .query("update stream set cancelled_by = ?, cancel_until = ? where number = ?")
      .run(by, until, number);
  }

  /** Writes a request to stop the answers to a message, and drops those whose time is over. */
  addStopRequest({ conversation, epoch, replyTo, by, until }: StopRequest, now: number): void {
    this.db.query("delete from stop_request where until <= ?").run(now);
    this.db
      .query("insert or replace into stop_request values (?, ?, ?, ?, ?)")
      .run(conversation, epoch, replyTo, by, until);
  }

  /** Reads the requests to stop answers that start later. */
  stopRequests(): StopRequest[] {
    return this.db
      .query('select conversation, epoch, reply_to as replyTo, asked_by as "by", until from stop_request')
      .all() as StopRequest[];
  }

  /**
   * Writes a batch; returns its position. The text is written as JSON: an append may end within a surrogate pair, which UTF-8
   * cannot hold; and a batch without text is not blank.
   */
  append(number: number, appends: readonly StreamAppend[]): number {
    const text = appends.map((append) => append.text).join("");
    const data = appends.findLast((append) => append.data !== undefined)?.data ?? null;
    return this.insertBatch.get(number, appends.at(-1)!.n, JSON.stringify(text), data)!.position;
  }

  /** Overwrites batches: their text is dropped, or part of a message now. */
  blank(positions: readonly number[]): void {
    if (positions.length === 0) return;
    this.overwrite(() => {
      for (const position of positions) this.blankBatch.run(position);
    });
    this.hasBlank = true;
  }

  /** Overwrites the `data` of a batch, which was replaced. */
  dropData(position: number): void {
    this.overwrite(() =>
      this.db.query("update stream_batch set data = null where position = ?").run(position),
    );
  }

  private overwrite(update: () => void): void {
    // A batch may be larger than a page; without this, SQLite leaves what is in the pages that it frees.
    this.db.run("pragma secure_delete = on");
    try {
      update();
    } finally {
      this.db.run("pragma secure_delete = fast");
    }
  }

  /** Removes the row of a stream that has ended. */
  remove(number: number): void {
    this.db.query("delete from stream where number = ?").run(number);
  }

  /** Deletes the oldest batches that were overwritten, in their order. */
  prune(): void {
    if (!this.hasBlank) return;
    this.db.run(
      "delete from stream_batch where position < coalesce((select min(position) from stream_batch where text <> '') - ?, 9223372036854775807)",
      [MARGIN_ROWS],
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
