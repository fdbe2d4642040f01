import type { Database, Statement } from "bun:sqlite";
import type { Clock } from "../../../core/ports/clock.ts";
import { isBusy } from "../folder/errors.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import { readMeta, saveLogEnd } from "../schema.ts";
import type { MessageLog } from "./message-log.ts";

// How the text of a removed message leaves the files:
//
//   1. its row is blanked in place; with `secure_delete` SQLite writes zeros over the bytes that are free then
//   2. where so many rows side by side are blank that they fill pages, those in the middle are deleted, in their order
//   3. the write-ahead log, which still has the pages of before, is copied into the file and cut to nothing
//
// To delete rows that lie among living ones is not enough: SQLite moves the living ones to other pages, and leaves copies of
// them behind, which nothing finds when they are removed themselves. So rows stay at either end of a run.

/** How long a turn of the event loop may be held, in milliseconds, and the pause before the next one. */
const STEP_BUDGET_MS = 2;
const STEP_PAUSE_MS = 5;
/** How long a step waits for a lock that another process holds; the next round tries again. */
const LOCK_TIMEOUT_MS = 5_000;
/** Blank rows that stay at either end of a run: several pages of them, so that no page with living rows is touched. */
const MARGIN_ROWS = 400;
/** Rows that are deleted in one go, at least, and read at once. */
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

/** Takes the texts of removed messages out of the files, a little at a time. */
export class Eraser {
  private readonly blankRow: Statement;
  private readonly before: Statement<Row>;
  private readonly from: Statement<Row>;
  private readonly remove: Statement;
  /** Rows that were blanked and around which nothing was deleted yet. */
  private blanked: number[] = [];
  private isPending: boolean;
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
    // A crash came between; where it had blanked is not known, but mostly that is where the log begins.
    this.isPending = readMeta(db, "erasing") !== undefined;
    if (this.isPending) this.blanked.push(0);
  }

  /** Whether the files may still hold texts of messages that were blanked. */
  get pending(): boolean {
    return this.isPending;
  }

  /** Blanks rows of a conversation for as long as a turn may take, and returns how many. */
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

  /** Deletes what is blank and takes the rest out of the write-ahead log; where that cannot be done now, `pending` stays. */
  async finish(): Promise<void> {
    if (!this.isPending) return;
    const blanked = this.blanked.sort((a, b) => a - b);
    this.blanked = [];
    let swept = -1;
    for (const position of blanked) if (position > swept && !this.stopped) swept = await this.sweep(position);
    if (!(await this.deps.indexWorker.truncateWal()) || this.blanked.length > 0) return;
    this.deps.db.run("delete from meta where key = 'erasing'");
    this.isPending = false;
  }

  /** Does `work` in a transaction that writes zeros over what it frees. */
  async inTransaction(work: () => void): Promise<void> {
    const { db } = this.deps;
    const transaction = db.transaction(work);
    for (let waited = 0; ; waited += STEP_PAUSE_MS) {
      try {
        // For this alone: zeros are written to whole pages, which requests that leave the quota's hour do not need.
        db.run("pragma secure_delete = on");
        transaction.immediate();
        return;
      } catch (error) {
        if (!isBusy(error) || waited >= LOCK_TIMEOUT_MS || this.stopped) throw error;
      } finally {
        db.run("pragma secure_delete = fast");
      }
      await Bun.sleep(STEP_PAUSE_MS);
    }
  }

  /** Begins no further step. */
  stop(): void {
    this.stopped = true;
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    for (const statement of [this.blankRow, this.before, this.from, this.remove]) statement.finalize();
  }

  private markPending(): void {
    const { db, messages, clock } = this.deps;
    saveLogEnd(db, messages.lastPosition, clock.now());
    if (this.isPending) return;
    db.query("insert or replace into meta values ('erasing', 'yes')").run();
    this.isPending = true;
  }

  /** Deletes the middle of the run of blank rows around `position`; returns where the run ends. */
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
    // Before the first row there is no page with others.
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

  /** Where the run of blank rows begins that `position` is in, and whether the log begins there. */
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
