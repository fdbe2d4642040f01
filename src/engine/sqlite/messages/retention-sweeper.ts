import type { Database, Statement } from "bun:sqlite";
import { type RetentionLimits, retentionFloor } from "../../../core/conversation/retention.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { SqliteChanges } from "../changes/changes.ts";
import { isBusy } from "../folder/errors.ts";
import type { SqliteInbox } from "../inbox/inbox.ts";
import type { IndexFile } from "../index/index-file.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import { CONVERSATION_COLUMNS, type ConversationHead, type ConversationRow } from "./conversation-head.ts";
import type { Eraser } from "./eraser.ts";
import type { MessageLog } from "./message-log.ts";

// A message is removed in three steps. A step that a crash interrupts is repeated:
//
//   1. The floor of its conversation (`first_seq`) is raised above it. From now on it is neither read nor found by its id.
//   2. The index worker returns its position. The event loop blanks its row in the log, and deletes the row if it can (eraser.ts).
//   3. The index worker records the `seq` below which the rows of the conversation are blank (`cleaned` in the index).
//
// The next compaction of its run removes its entry from the index (runs/compaction.ts). Until then a look-up that finds the entry
// does not find the row. It cannot find another message there, because a position is never used twice.

/** The limits of one round of housekeeping: a number of conversations, and milliseconds. */
const ROUND_ROWS = 200;
const ROUND_BUDGET_MS = 2;
/** The number of messages that are blanked in one turn of the event loop. */
const STEP_MESSAGES = 100;
/** The number of messages of one conversation that are blanked before the next conversation has its turn. */
const VISIT_MESSAGES = 1_000;
/**
 * How often the write-ahead log is truncated because of messages that retention removed, in milliseconds. Truncating it takes
 * the file system 20 to 50 ms, during which no commit succeeds. For messages that a command removed, it is truncated at once.
 */
const FINISH_INTERVAL_MS = 20_000;
/** How long `stop` may take to finish removals that a command made just before, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface RetentionSweeperDeps {
  readonly db: Database;
  readonly index: Pick<IndexFile, "hasBelow">;
  readonly indexWorker: Pick<IndexWorker, "prune" | "runRound" | "truncateWal">;
  readonly messages: MessageLog;
  readonly eraser: Eraser;
  readonly changes: Pick<SqliteChanges, "hasBelow" | "blankBelow" | "housekeep" | "needHousekeeping">;
  readonly clock: Pick<Clock, "now">;
  readonly emit: Emit;
  readonly retention: RetentionLimits;
  /** Called when a command has removed a conversation that is in memory. */
  readonly onRemoved: (head: ConversationHead) => void;
  /** Is notified of conversations whose unread numbers may have changed. */
  readonly inbox: Pick<SqliteInbox, "recent" | "notify">;
}

/** A conversation with messages below its floor. */
interface PendingDeletion {
  readonly number: number;
  readonly floor: number;
}

/** Removes messages that are no longer kept, in small steps, so that requests are not delayed. */
export class RetentionSweeper {
  private readonly next: Statement<ConversationRow>;
  private readonly changed: Statement<ConversationRow>;
  private readonly raise: Statement;
  /** Its value changes when another connection has committed: a command may have removed a conversation. */
  private readonly dataVersion: Statement<{ data_version: number }>;
  private seenVersion = 0;
  private readonly eraser: Eraser;
  /** The number of the last conversation that a round has visited. */
  private cursor = 0;
  /** The last change by a command that was applied. 0 at the start, so that removals which a crash interrupted come first. */
  private lastChangeSeen = 0;
  /** The last change before this server was started. Later ones are logged. */
  private readonly lastChangeAtStart: number;
  private urgent: ConversationRow[] = [];
  /** Conversations that still have messages to blank. */
  private unfinished: PendingDeletion[] = [];
  /** Whether blanked messages include some that a command removed, so that the eraser must finish at once. */
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
    this.dataVersion = deps.db.prepare("pragma data_version");
    this.eraser = deps.eraser;
    this.finishedAt = deps.clock.now();
  }

  /** Runs one round of housekeeping: applies the changes of commands, and continues to remove messages. */
  runRound(): void {
    if (this.stopped) return;
    this.applyChanges();
    if (this.running === undefined) this.run(() => this.visitSome()).catch((error) => this.onError(error));
  }

  /** Removes all messages that are no longer kept. Resolves when they are erased, and rejects when that is not possible. */
  async sweep(): Promise<void> {
    await this.running;
    this.applyChanges();
    await this.run(async () => {
      // `prune` finds only messages that are in the index.
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

  /** Finishes removals by commands, and what erases texts from the files, for at most CLOSE_TIMEOUT_MS, and finalizes the statements. */
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
    await this.eraseAll().catch((error) => this.onError(error));
    clearTimeout(late);
    this.abort();
    this.eraser.close();
    for (const statement of [this.next, this.changed, this.raise, this.dataVersion]) statement.finalize();
  }

  /** Erases from the files what was blanked or is left of changed messages: after an orderly stop they have no such text. */
  private async eraseAll(): Promise<void> {
    const { changes } = this.deps;
    while (!this.stopped && changes.needHousekeeping) {
      changes.housekeep();
      await Bun.sleep(0);
    }
    if (!this.stopped) await this.eraser.finish();
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

  /** Logs that a command has removed the conversation, or given it limits of its own. */
  private logChange({
    id,
    first_seq,
    removed_seq,
    removals,
    keep_messages,
    keep_days,
    facts,
    guard,
    members,
  }: ConversationRow): void {
    const hasOwnLimits = keep_messages !== null || keep_days !== null;
    const isInUse = hasOwnLimits || facts !== null || guard !== 0 || members !== 0;
    const isRemoved = removals > 0 && first_seq === removed_seq + 1 && !isInUse;
    this.deps.emit(isRemoved ? "conversation.removed" : "conversation.changed", { conversation: id });
  }

  /** As `applyChanges`, if there are any. MUST be called inside a transaction, during which commands cannot commit more. */
  applyNewChanges(): void {
    const { data_version: version } = this.dataVersion.get()!;
    if (version === this.seenVersion) return;
    this.seenVersion = version;
    this.applyChanges();
  }

  /** Applies changes that commands made in other processes: reads follow them at once, and the next round deletes messages. */
  applyChanges(): void {
    try {
      for (const row of this.changed.all(this.lastChangeSeen, ROUND_ROWS)) {
        this.lastChangeSeen = row.changed;
        if (row.changed > this.lastChangeAtStart) this.logChange(row);
        const removed = this.deps.messages.rowChanged(row);
        if (removed !== undefined) this.deps.onRemoved(removed);
        // Also of a conversation that is not in memory.
        this.deps.inbox.notify(row.id);
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
    // The messages that a command removed may not be in the index yet.
    if (urgent.length > 0) await this.deps.indexWorker.runRound();
    // All floors are raised before rows are deleted, so that no removed message can be read meanwhile.
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
    // Stops for removals that a command makes meanwhile: they come first.
    for (let one = this.unfinished.shift(); one !== undefined; one = this.unfinished.shift()) {
      if (await this.blankBelow(one, VISIT_MESSAGES)) this.unfinished.push(one);
      // A large removal takes minutes, and what users erase meanwhile must not wait for its end (CH3).
      if (this.deps.clock.now() >= this.finishedAt + FINISH_INTERVAL_MS) await this.finishIfDue();
      if (this.stopped || this.urgent.length > 0) return;
    }
    await this.finishIfDue();
  }

  private async finishIfDue(): Promise<void> {
    const { eraser, deps } = this;
    if (!eraser.pending || (!this.isUrgent && deps.clock.now() < this.finishedAt + FINISH_INTERVAL_MS)) {
      this.isUrgent &&= eraser.pending;
      return;
    }
    await eraser.finish();
    this.finishedAt = deps.clock.now();
    // If a reader prevented the truncation, the next round tries again.
    this.isUrgent &&= eraser.pending;
  }

  /** Raises the floor of a conversation to its limits. Returns a pending deletion if it has messages below its floor, else none. */
  private async visit(row: ConversationRow): Promise<PendingDeletion[]> {
    const floor = await this.raiseFloor(this.deps.messages.headOf(row), row);
    const { index, changes } = this.deps;
    const { number } = row;
    // From most conversations nothing was ever removed. For these the index is not read.
    const isDue =
      floor > 1 && (index.hasBelow(number, floor) || changes.hasBelow({ conversation: number, seq: floor }));
    return isDue ? [{ number, floor }] : [];
  }

  /** Blanks about `most` messages below the floor. Returns whether there may be more. */
  private async blankBelow({ number, floor }: PendingDeletion, most: number): Promise<boolean> {
    await this.deps.changes.blankBelow({ conversation: number, seq: floor }, () => this.stopped);
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
    await this.eraser.inTransaction(() => {
      this.raise.run(floor, row.number);
      this.deps.inbox.recent.change(row.number, clock.now());
    });
    messages.floorRaised(row.id, floor);
    this.deps.inbox.notify(row.id);
    return floor;
  }

  private onError(error: unknown): void {
    // When another process holds the lock, the next round tries again.
    if (!isBusy(error)) this.deps.emit("store.retention_failed", { error: String(error) });
  }
}
