import type { Database, Statement } from "bun:sqlite";
import { type RetentionLimits, retentionFloor } from "../../../core/conversation/retention.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { isBusy } from "../folder/errors.ts";
import type { IndexFile } from "../index/index-file.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import { Eraser } from "./eraser.ts";
import {
  CONVERSATION_COLUMNS,
  type ConversationHead,
  type ConversationRow,
  type MessageLog,
} from "./message-log.ts";

// A message goes in three steps, each of which can be cut off by a crash and is then done again:
//
//   1. the floor of its conversation (`first_seq`) rises above it: from now on it is not read, nor known by its id
//   2. the keeper names its position; the event loop blanks its row in the log, and deletes it where it can (eraser.ts)
//   3. the keeper notes below which `seq` the rows of the conversation are blank (`cleaned` in the index)
//
// Its entries in the index go when the keeper makes the run that they are in anew (runs/compaction.ts). Until then, who finds
// one looks for the row, which is not there: a position is never used twice.

/** Conversations looked at in one round of housekeeping, and for how many milliseconds. */
const ROUND_ROWS = 200;
const ROUND_BUDGET_MS = 2;
/** Messages blanked in one turn of the event loop. */
const STEP_MESSAGES = 100;
/** Messages blanked of one conversation before the next one has its turn. */
const VISIT_MESSAGES = 1_000;
/**
 * How often what retention removes leaves the write-ahead log, in milliseconds: to cut it short takes the file system 20 to
 * 50 ms, in which no commit gets through. What a command removes does not wait for it.
 */
const FINISH_INTERVAL_MS = 20_000;
/** How long closing may take to remove what a command removed just before, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface RetentionSweeperDeps {
  readonly db: Database;
  readonly index: Pick<IndexFile, "hasBelow">;
  readonly indexWorker: Pick<IndexWorker, "prune" | "runRound" | "truncateWal">;
  readonly messages: MessageLog;
  readonly clock: Pick<Clock, "now">;
  readonly emit: Emit;
  readonly retention: RetentionLimits;
  /** Is called when a conversation that is in memory turns out to be removed, by a command. */
  readonly onRemoved: (head: ConversationHead) => void;
}

/** A conversation with messages below its floor. */
interface PendingDeletion {
  readonly number: number;
  readonly floor: number;
}

/** Removes what is no longer kept, a little at a time, so that nobody who talks notices. */
export class RetentionSweeper {
  private readonly next: Statement<ConversationRow>;
  private readonly changed: Statement<ConversationRow>;
  private readonly raise: Statement;
  private readonly eraser: Eraser;
  /** The last conversation that was looked at. */
  private cursor = 0;
  /** The last change by a command that was taken over. None at the start: what a crash cut off comes first again. */
  private lastChangeSeen = 0;
  /** Changes after this one were made while this server runs. */
  private readonly lastChangeAtStart: number;
  private urgent: ConversationRow[] = [];
  /** Conversations of which more is to be blanked than fits into one turn. */
  private unfinished: PendingDeletion[] = [];
  /** Whether what a command removed is among what is blanked. */
  private isUrgent = false;
  private finishedAt: number;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly deps: RetentionSweeperDeps) {
    const { db } = deps;
    this.next = db.prepare(
      `select ${CONVERSATION_COLUMNS} from conversation where number > ? order by number limit ?`,
    );
    this.changed = db.prepare(
      `select ${CONVERSATION_COLUMNS} from conversation where changed > 0 and changed > ? order by changed limit ?`,
    );
    const newest = db.query("select coalesce(max(changed), 0) as changed from conversation").get();
    this.lastChangeAtStart = (newest as { changed: number }).changed;
    this.raise = db.prepare("update conversation set first_seq = ?1 where number = ?2 and first_seq < ?1");
    this.eraser = new Eraser(deps);
    this.finishedAt = deps.clock.now();
  }

  /** One round of housekeeping: takes over what commands changed, and goes on cleaning where it stopped. */
  runRound(): void {
    if (this.stopped) return;
    this.applyChanges();
    if (this.running === undefined) this.run(() => this.visitSome()).catch((error) => this.onError(error));
  }

  /** Removes all that is no longer kept; resolves when it is gone, rejects when it cannot be removed. */
  async sweep(): Promise<void> {
    await this.running;
    this.applyChanges();
    await this.run(async () => {
      // Rows that the index does not know yet are not found.
      await this.deps.indexWorker.runRound();
      let cursor = 0;
      for (let rows = this.next.all(cursor, ROUND_ROWS); rows.length > 0 && !this.stopped; ) {
        for (const row of rows) {
          for (const due of await this.visit(row)) await this.blankBelow(due, Number.POSITIVE_INFINITY);
        }
        cursor = rows.at(-1)!.number;
        rows = this.next.all(cursor, ROUND_ROWS);
      }
      await this.eraser.finish();
    });
  }

  /** Finishes what a command has removed, as far as that takes a few seconds, and lets go of the database. */
  async stop(): Promise<void> {
    const late = setTimeout(() => this.abort(), CLOSE_TIMEOUT_MS);
    await this.running;
    this.applyChanges();
    while (!this.stopped && (this.urgent.length > 0 || this.unfinished.length > 0 || this.isUrgent)) {
      await this.run(() => this.visitSome()).catch((error) => {
        this.onError(error);
        this.abort();
      });
    }
    clearTimeout(late);
    this.abort();
    this.eraser.close();
    for (const statement of [this.next, this.changed, this.raise]) statement.finalize();
  }

  private abort(): void {
    this.stopped = true;
    this.eraser.stop();
  }

  private run(task: () => Promise<void>): Promise<void> {
    const work = task();
    const end = () => {
      this.running = undefined;
    };
    this.running = work.then(end, end);
    return work;
  }

  /** A command has removed the conversation, or given it limits of its own. */
  private logChange({
    id,
    first_seq,
    removed_seq,
    removals,
    keep_messages,
    keep_days,
  }: ConversationRow): void {
    const isRemoved =
      removals > 0 && first_seq === removed_seq + 1 && keep_messages === null && keep_days === null;
    this.deps.emit(isRemoved ? "conversation.removed" : "conversation.changed", { conversation: id });
  }

  /** What another process changed holds for reading at once; its messages are deleted next. */
  applyChanges(): void {
    try {
      for (const row of this.changed.all(this.lastChangeSeen, ROUND_ROWS)) {
        this.lastChangeSeen = row.changed;
        if (row.changed > this.lastChangeAtStart) this.logChange(row);
        this.deps.messages.floorRaised(row.id, row.first_seq);
        const removed = this.deps.messages.removedTimes(row.id, row.removals);
        if (removed !== undefined) this.deps.onRemoved(removed);
        this.urgent.push(row);
      }
    } catch (error) {
      this.onError(error);
    }
  }

  private async visitSome(): Promise<void> {
    const until = performance.now() + ROUND_BUDGET_MS;
    const { urgent } = this;
    this.urgent = [];
    // What a command removed may be younger than the index.
    if (urgent.length > 0) await this.deps.indexWorker.runRound();
    // All floors first: what is not to be read any more must not wait until others' rows are deleted.
    const due: PendingDeletion[] = [];
    for (const row of urgent) due.push(...(await this.visit(row)));
    if (due.length > 0) this.isUrgent = true;
    const next = this.next.all(this.cursor, ROUND_ROWS);
    if (next.length === 0) this.cursor = 0;
    for (const row of next) {
      this.cursor = row.number;
      due.push(...(await this.visit(row)));
      if (performance.now() > until) break;
    }
    for (const one of due)
      if (!this.unfinished.some(({ number }) => number === one.number)) this.unfinished.push(one);
    // Those that a command removes meanwhile come first.
    for (let one = this.unfinished.shift(); one !== undefined; one = this.unfinished.shift()) {
      if (await this.blankBelow(one, VISIT_MESSAGES)) this.unfinished.push(one);
      if (this.stopped || this.urgent.length > 0) return;
    }
    await this.finishIfDue();
  }

  private async finishIfDue(): Promise<void> {
    const { eraser, deps: parts } = this;
    if (!eraser.pending || (!this.isUrgent && parts.clock.now() < this.finishedAt + FINISH_INTERVAL_MS)) {
      this.isUrgent &&= eraser.pending;
      return;
    }
    await eraser.finish();
    this.finishedAt = parts.clock.now();
    // Where a reader held it up, the next round tries again.
    this.isUrgent &&= eraser.pending;
  }

  /** Raises the floor of a conversation to what its limits say. Returns what is to be deleted: one or none. */
  private async visit(row: ConversationRow): Promise<PendingDeletion[]> {
    const floor = await this.raiseFloor(this.deps.messages.headOf(row), row);
    // Where nothing was ever removed, which is nearly everywhere, the index is not asked.
    if (floor === 1 || !this.deps.index.hasBelow(row.number, floor)) return [];
    return [{ number: row.number, floor }];
  }

  /** Blanks messages below the floor, about `most`; returns whether there may be more. */
  private async blankBelow({ number, floor }: PendingDeletion, most: number): Promise<boolean> {
    for (let blanked = 0; blanked < most && !this.stopped; ) {
      const { positions, more } = await this.deps.indexWorker.prune(number, floor, STEP_MESSAGES);
      if (this.stopped || (positions.length === 0 && !more)) return false;
      blanked += await this.eraser.blank(number, floor, positions);
    }
    return true;
  }

  private async raiseFloor(head: ConversationHead, row: ConversationRow): Promise<number> {
    const { retention, messages, clock } = this.deps;
    const limits = {
      messages: row.keep_messages ?? retention.messages,
      days: row.keep_days ?? retention.days,
    };
    const floor = retentionFloor(head, limits, clock.now(), (seq) => messages.timeOf(head, seq));
    if (floor === head.first) return floor;
    await this.eraser.inTransaction(() => this.raise.run(floor, row.number));
    messages.floorRaised(row.id, floor);
    return floor;
  }

  private onError(error: unknown): void {
    // Whoever has the lock gives it back; the next round tries again.
    if (!isBusy(error)) this.deps.emit("store.retention_failed", { error: String(error) });
  }
}
