import type { Database, Statement } from "bun:sqlite";
import type { Clock } from "../../core/clock.ts";
import { oldestKept, type RetentionLimits } from "../../core/retention.ts";
import type { EngineLog } from "../engine-log.ts";
import { isBusy } from "./faults.ts";
import type { IndexFile } from "./index-file.ts";
import type { Keeper } from "./keeper.ts";
import {
  CONVERSATION_COLUMNS,
  type ConversationHead,
  type ConversationRow,
  type MessageLog,
} from "./message-log.ts";
import { keepLogEnd } from "./schema.ts";

// A message goes in three steps, each of which can be cut off by a crash and is then done again:
//
//   1. the floor of its conversation (`first_seq`) rises above it: from now on it is not read, nor known by its id
//   2. the keeper names its position; the event loop deletes its row from the log
//   3. the keeper notes below which `seq` the rows of the conversation are gone (`cleaned` in the index)
//
// Its entries in the index go when the keeper makes the run that they are in anew (runs/merging.ts). Until then, who finds
// one looks for the row, which is not there: a position is never used twice.

/** Conversations looked at in one round of housekeeping, and for how many milliseconds. */
const ROUND_ROWS = 200;
const ROUND_TIME = 2;
/** Messages deleted in one turn of the event loop, for how many milliseconds, and the pause before the next turn. */
const STEP_MESSAGES = 100;
const STEP_TIME = 2;
const STEP_PAUSE = 5;
/** How long a step waits for a lock that another process holds; the next round tries again. */
const LOCK_PATIENCE = 5_000;
/** Messages deleted of one conversation before the next one has its turn. */
const VISIT_MESSAGES = 1_000;

export interface CleanerParts {
  readonly db: Database;
  readonly index: Pick<IndexFile, "hasBelow">;
  readonly keeper: Pick<Keeper, "drop" | "work">;
  readonly messages: MessageLog;
  readonly clock: Pick<Clock, "now">;
  readonly log: EngineLog;
  readonly retention: RetentionLimits;
  /** Is called when a conversation that is in memory turns out to be removed, by a command. */
  readonly removed: (head: ConversationHead) => void;
}

/** A conversation with messages below its floor. */
interface Due {
  readonly number: number;
  readonly floor: number;
}

/** Removes what is no longer kept, a little at a time, so that nobody who talks notices. */
export class Cleaner {
  private readonly next: Statement<ConversationRow>;
  private readonly changed: Statement<ConversationRow>;
  private readonly raise: Statement;
  private readonly remove: Statement;
  /** The last conversation that was looked at. */
  private cursor = 0;
  /** The last change by a command that was taken over. None at the start: what a crash cut off comes first again. */
  private noticed = 0;
  private urgent: ConversationRow[] = [];
  private atWork: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly parts: CleanerParts) {
    const { db } = parts;
    this.next = db.prepare(
      `select ${CONVERSATION_COLUMNS} from conversation where number > ? order by number limit ?`,
    );
    this.changed = db.prepare(
      `select ${CONVERSATION_COLUMNS} from conversation where changed > 0 and changed > ? order by changed limit ?`,
    );
    this.raise = db.prepare("update conversation set first_seq = ?1 where number = ?2 and first_seq < ?1");
    this.remove = db.prepare("delete from message where position = ? and conversation = ? and seq < ?");
  }

  /** One round of housekeeping: takes over what commands changed, and goes on cleaning where it stopped. */
  round(): void {
    if (this.stopped) return;
    this.notice();
    if (this.atWork === undefined) this.work(() => this.visitSome()).catch((error) => this.failed(error));
  }

  /** Removes all that is no longer kept; resolves when it is gone, rejects when it cannot be removed. */
  async clean(): Promise<void> {
    await this.atWork;
    this.notice();
    await this.work(async () => {
      // Rows that the index does not know yet are not found.
      await this.parts.keeper.work();
      let cursor = 0;
      for (let rows = this.next.all(cursor, ROUND_ROWS); rows.length > 0 && !this.stopped; ) {
        for (const row of rows) {
          for (const due of await this.visit(row)) await this.deleteBelow(due, Number.POSITIVE_INFINITY);
        }
        cursor = rows.at(-1)!.number;
        rows = this.next.all(cursor, ROUND_ROWS);
      }
    });
  }

  /** Finishes the step in hand and lets go of the database. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.atWork;
    for (const statement of [this.next, this.changed, this.raise, this.remove]) statement.finalize();
  }

  private work(task: () => Promise<void>): Promise<void> {
    const work = task();
    const end = () => {
      this.atWork = undefined;
    };
    this.atWork = work.then(end, end);
    return work;
  }

  /** What another process changed holds for reading at once; its messages are deleted next. */
  notice(): void {
    try {
      for (const row of this.changed.all(this.noticed, ROUND_ROWS)) {
        this.noticed = row.changed;
        this.parts.messages.floorRaised(row.id, row.first_seq);
        const removed = this.parts.messages.removedTimes(row.id, row.removals);
        if (removed !== undefined) this.parts.removed(removed);
        this.urgent.push(row);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  private async visitSome(): Promise<void> {
    const until = performance.now() + ROUND_TIME;
    const { urgent } = this;
    this.urgent = [];
    // All floors first: what is not to be read any more must not wait until others' rows are deleted.
    const due: Due[] = [];
    for (const row of urgent) due.push(...(await this.visit(row)));
    const next = this.next.all(this.cursor, ROUND_ROWS);
    if (next.length === 0) this.cursor = 0;
    for (const row of next) {
      this.cursor = row.number;
      due.push(...(await this.visit(row)));
      if (performance.now() > until) break;
    }
    for (const one of due) await this.deleteBelow(one, VISIT_MESSAGES);
  }

  /** Raises the floor of a conversation to what its limits say. Answers what is to be deleted: one or none. */
  private async visit(row: ConversationRow): Promise<Due[]> {
    const floor = await this.raiseFloor(this.parts.messages.headOf(row), row);
    // Where nothing was ever removed, which is nearly everywhere, the index is not asked.
    if (floor === 1 || !this.parts.index.hasBelow(row.number, floor)) return [];
    return [{ number: row.number, floor }];
  }

  private async deleteBelow({ number, floor }: Due, most: number): Promise<void> {
    for (let removed = 0; removed < most && !this.stopped; ) {
      const { positions, more } = await this.parts.keeper.drop(number, floor, STEP_MESSAGES);
      if (this.stopped || (positions.length === 0 && !more)) return;
      removed += await this.delete(number, floor, positions);
      await Bun.sleep(STEP_PAUSE);
    }
  }

  private async raiseFloor(head: ConversationHead, row: ConversationRow): Promise<number> {
    const { retention, messages, clock } = this.parts;
    const limits = {
      messages: row.keep_messages ?? retention.messages,
      days: row.keep_days ?? retention.days,
    };
    const floor = oldestKept(head, limits, clock.now(), (seq) => messages.timeOf(head, seq));
    if (floor === head.first) return floor;
    await this.inTransaction(() => this.raise.run(floor, row.number));
    messages.floorRaised(row.id, floor);
    return floor;
  }

  /** Deletes rows for as long as a turn may take. Those that are left are named by the keeper again. */
  private async delete(conversation: number, below: number, positions: readonly number[]): Promise<number> {
    let removed = 0;
    await this.inTransaction(() => {
      const until = performance.now() + STEP_TIME;
      keepLogEnd(this.parts.db, this.parts.messages.lastPosition, this.parts.clock.now());
      for (const position of positions) {
        this.remove.run(position, conversation, below);
        removed++;
        if (performance.now() > until) break;
      }
    });
    return removed;
  }

  private async inTransaction(work: () => void): Promise<void> {
    const transaction = this.parts.db.transaction(work);
    for (let waited = 0; ; waited += STEP_PAUSE) {
      try {
        transaction.immediate();
        return;
      } catch (error) {
        if (!isBusy(error) || waited >= LOCK_PATIENCE || this.stopped) throw error;
        await Bun.sleep(STEP_PAUSE);
      }
    }
  }

  private failed(error: unknown): void {
    // Whoever has the lock gives it back; the next round tries again.
    if (!isBusy(error)) this.parts.log.error("store.cleaning_failed", { error: String(error) });
  }
}
