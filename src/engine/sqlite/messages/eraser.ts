import type { Database, Statement } from "bun:sqlite";
import type { Clock } from "../../../core/ports/clock.ts";
import { isBusy } from "../folder/errors.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import { readMeta, saveLogEnd } from "../schema.ts";
import type { MessageLog } from "./message-log.ts";

// How the text of a removed message is erased from the files:
//
//   1. The row is blanked in place. With `secure_delete`, SQLite overwrites the freed bytes with zeros.
//   2. When so many adjacent rows are blank that they fill whole pages, the rows in their middle are deleted, in order.
//   3. The write-ahead log, which still has the old pages, is copied into the file and truncated.
//
// Rows next to live rows are not deleted: SQLite would move the live rows to other pages and leave copies of them behind, and
// a later erasure would not find these copies. So some blank rows stay at both ends of a run of blank rows.

/** How long one step may block the event loop, and the pause before the next step, in milliseconds. */
const STEP_BUDGET_MS = 2;
const STEP_PAUSE_MS = 5;
/** How long a step waits for a lock of another process, in milliseconds. After that, the next round tries again. */
const LOCK_TIMEOUT_MS = 5_000;
/** The number of blank rows that stay at each end of a run: they fill several pages, so no page with live rows is changed. */
const MARGIN_ROWS = 400;
/** The number of rows that are read or deleted at once. Fewer rows are not deleted. */
const MIN_DELETE_ROWS = 400;

export interface EraserDeps {
  readonly db: Database;
  readonly indexWorker: Pick<IndexWorker, "truncateWal">;
  readonly messages: Pick<MessageLog, "lastPosition">;
  readonly clock: Pick<Clock, "now">;
}

interface Row {
  readonly position: number;
  readonly isLiving: number;
}

/** Erases the texts of removed messages from the files, in small steps. */
export class Eraser {
  private readonly blankRow: Statement;
  private readonly before: Statement<Row>;
  private readonly from: Statement<Row>;
  private readonly remove: Statement;
  /** Positions of blanked rows around which no rows were deleted yet. */
  private blanked: number[] = [];
  private isPending: boolean;
  /** Whether the table `meta` says so, too. */
  private isRecorded: boolean;
  /** How often texts were blanked. */
  private marks = 0;
  private stopped = false;

  constructor(private readonly deps: EraserDeps) {
    const { db } = deps;
    this.blankRow = db.prepare(
      "update message set id = '', sender = '', body = '' where position = ? and conversation = ? and seq < ?",
    );
    this.before = db.prepare(
      "select position, sender <> '' as isLiving from message where position < ? order by position desc limit ?",
    );
    this.from = db.prepare(
      "select position, sender <> '' as isLiving from message where position >= ? order by position limit ?",
    );
    this.remove = db.prepare("delete from message where position between ? and ?");
    // The last process ended during an erasure. Which rows it had blanked is not known; mostly they are at the start of the log.
    this.isRecorded = readMeta(db, "erasing") !== undefined;
    this.isPending = this.isRecorded;
    if (this.isPending) this.blanked.push(0);
  }

  /** Whether the files may still have texts of blanked messages. */
  get pending(): boolean {
    return this.isPending;
  }

  /** Blanks rows of a conversation, for at most STEP_BUDGET_MS. Returns their number. */
  async blank(conversation: number, below: number, positions: readonly number[]): Promise<number> {
    let count = 0;
    await this.inTransaction(() => {
      const until = performance.now() + STEP_BUDGET_MS;
      this.markPending();
      for (const position of positions) {
        this.blankRow.run(position, conversation, below);
        count++;
        if (performance.now() > until) break;
      }
    });
    for (let i = 0; i < count; i++) this.blanked.push(positions[i]!);
    await Bun.sleep(STEP_PAUSE_MS);
    return count;
  }

  /** Deletes blank rows and truncates the write-ahead log. If that is not possible now, `pending` stays true. */
  async finish(): Promise<void> {
    if (!this.isPending) return;
    const blanked = this.blanked.sort((a, b) => a - b);
    this.blanked = [];
    let swept = -1;
    for (const position of blanked) if (position > swept && !this.stopped) swept = await this.sweep(position);
    const { marks } = this;
    if (!(await this.deps.indexWorker.truncateWal()) || this.marks !== marks) return;
    this.deps.db.run("delete from meta where key = 'erasing'");
    this.isPending = false;
    this.isRecorded = false;
  }

  /** Runs `work` in a transaction that overwrites freed bytes with zeros. */
  async inTransaction(work: () => void): Promise<void> {
    const { db } = this.deps;
    const transaction = db.transaction(work);
    for (let waited = 0; ; waited += STEP_PAUSE_MS) {
      try {
        // Only for this transaction: it writes zeros to whole pages, which the deletion of old charges does not need.
        db.run("pragma secure_delete = on");
        transaction.immediate();
        return;
      } catch (error) {
        this.rolledBack();
        if (!isBusy(error) || waited >= LOCK_TIMEOUT_MS || this.stopped) throw error;
      } finally {
        db.run("pragma secure_delete = fast");
      }
      await Bun.sleep(STEP_PAUSE_MS);
    }
  }

  /** Makes this object begin no further step. */
  stop(): void {
    this.stopped = true;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.blankRow, this.before, this.from, this.remove]) statement.finalize();
  }

  /** Texts are blanked, in the log or elsewhere: the write-ahead log still has them. MUST be called inside that transaction. */
  markBlanked(): void {
    const { db } = this.deps;
    this.marks++;
    this.isPending = true;
    if (this.isRecorded) return;
    db.query("insert or replace into meta values ('erasing', 'yes')").run();
    this.isRecorded = true;
  }

  /** MUST be called after a transaction with `markBlanked` that failed. */
  rolledBack(): void {
    this.isRecorded = false;
  }

  /** As `markBlanked`, in a transaction that may delete rows of the log. */
  private markPending(): void {
    const { db, messages, clock } = this.deps;
    saveLogEnd(db, messages.lastPosition, clock.now());
    this.markBlanked();
  }

  /** Deletes the middle of the run of blank rows around `position`. Returns the position of the run's last row. */
  private async sweep(position: number): Promise<number> {
    const { start, isFirst } = this.startOf(position);
    const run: number[] = [];
    for (let next = start; ; next = run.at(-1)! + 1) {
      const rows = this.from.all(next, MIN_DELETE_ROWS);
      const living = rows.findIndex(({ isLiving }) => isLiving !== 0);
      for (const row of living < 0 ? rows : rows.slice(0, living)) run.push(row.position);
      if (living >= 0 || rows.length < MIN_DELETE_ROWS) break;
      await Bun.sleep(0);
    }
    // A run at the start of the log needs no margin there, because no page before it has live rows.
    const middle = run.slice(isFirst ? 0 : MARGIN_ROWS, -MARGIN_ROWS);
    for (
      let at = 0;
      middle.length >= MIN_DELETE_ROWS && at < middle.length && !this.stopped;
      at += MIN_DELETE_ROWS
    ) {
      const some = middle.slice(at, at + MIN_DELETE_ROWS);
      await this.inTransaction(() => {
        this.markPending();
        this.remove.run(some[0]!, some.at(-1)!);
      });
      await Bun.sleep(STEP_PAUSE_MS);
    }
    return run.at(-1) ?? position;
  }

  /** Returns the start of the run of blank rows around `position`, and whether that is the start of the log. */
  private startOf(position: number): { start: number; isFirst: boolean } {
    for (let start = position; ; ) {
      const rows = this.before.all(start, MIN_DELETE_ROWS);
      const living = rows.findIndex(({ isLiving }) => isLiving !== 0);
      if (living > 0) start = rows[living - 1]!.position;
      else if (living < 0 && rows.length > 0) start = rows.at(-1)!.position;
      if (living >= 0) return { start, isFirst: false };
      if (rows.length < MIN_DELETE_ROWS) return { start, isFirst: true };
    }
  }
}
