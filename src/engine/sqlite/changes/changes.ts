import type { Database } from "bun:sqlite";
import { type FoldPlan, MAX_FOLD_BYTES } from "../../../core/changes/fold.ts";
import type { OwnReactions } from "../../../core/changes/message-state.ts";
import type {
  ChangeEvent,
  ChangeListener,
  ChangeRequest,
  ChangeResult,
  Changes,
  MissedChanges,
  StoredChange,
} from "../../../core/ports/conversation/changes.ts";
import {
  type ChangeOperation,
  type ChangeOutcome,
  changeOperation,
  trialOperation,
} from "../../change-operation.ts";
import { Listeners } from "../../listeners.ts";
import { PageQueue } from "../../page-queue.ts";
import type { ConversationHead } from "../messages/conversation-head.ts";
import type { Eraser } from "../messages/eraser.ts";
import type { MessageLog } from "../messages/message-log.ts";
import type { ChangeIds } from "./change-ids.ts";
import type { ChangeTable, MessagePlace } from "./change-table.ts";
import type { ReactionTable } from "./reaction-table.ts";

/** How long one round of housekeeping may take, in milliseconds, and the rows of one step. */
const ROUND_BUDGET_MS = 2;
const STEP_ROWS = 100;

export interface SqliteChangesDeps {
  readonly db: Database;
  readonly messages: MessageLog;
  readonly eraser: Pick<Eraser, "markBlanked" | "inTransaction">;
  readonly table: ChangeTable;
  readonly reactions: ReactionTable;
  readonly ids: ChangeIds;
  readonly enqueue: (operation: ChangeOperation) => void;
  /** Returns the head of a conversation for a read request. Throws when the disk cannot be read. */
  readonly findForReading: (conversation: string) => ConversationHead | undefined;
  /** Is called with the error of a read that has failed. */
  readonly readFailed: (error: unknown) => void;
}

interface FoldRequest {
  readonly conversation: string;
  readonly plan: FoldPlan;
}

/** The port for changes on SQLite. Changes are carried out in the batches of the engine. */
export class SqliteChanges implements Changes {
  private readonly listeners = new Listeners<ChangeEvent>();
  // As pages of messages: one read for each turn of the event loop.
  private readonly folds: PageQueue<FoldRequest, MissedChanges>;

  constructor(private readonly deps: SqliteChangesDeps) {
    this.folds = new PageQueue({
      read: (request) => this.readMissed(request),
      nameOf: ({ conversation, plan: { after, first, last, count } }) =>
        `${after} ${first} ${last} ${count} ${conversation}`,
      waitForWrites: () => new Promise(setImmediate),
      maxInARow: 1,
    });
  }

  change(request: ChangeRequest, done: (result: ChangeResult) => void): void {
    this.deps.enqueue(changeOperation(request, done));
  }

  consider(request: ChangeRequest, done: (result: ChangeOutcome) => void): void {
    this.deps.enqueue(trialOperation(request, done));
  }

  async rev(conversation: string): Promise<number> {
    return this.deps.findForReading(conversation)?.rev ?? 0;
  }

  async missed(conversation: string, plan: FoldPlan, user?: string): Promise<MissedChanges | undefined> {
    const missed = await this.folds.add({ conversation, plan });
    if (missed === undefined || user === undefined || missed.changed.length === 0) return missed;
    const seqs = missed.changed.map(({ entry }) => entry.seq);
    const own = await this.mine(conversation, user, seqs);
    const changed = missed.changed.map((one) => {
      const mine = own.get(one.entry.seq);
      return mine === undefined ? one : { ...one, mine };
    });
    return { changed, tooMany: false };
  }

  async mine(conversation: string, user: string, seqs: readonly number[]): Promise<OwnReactions> {
    const head = this.deps.findForReading(conversation);
    return head === undefined ? new Map() : this.ownOf(head, user, seqs);
  }

  watch(listener: ChangeListener): () => void {
    return this.listeners.add(listener);
  }

  announce(change: StoredChange): void {
    this.listeners.notify({ type: "changed", change });
  }

  /** Returns what `mine` returns. Reads nothing where nothing was changed (CH5). */
  ownOf(head: ConversationHead, user: string, seqs: readonly number[]): OwnReactions {
    if (head.rev === 0) return new Map();
    const kept = seqs.filter((seq) => seq >= head.first);
    return this.deps.reactions.own(head.number, user, kept);
  }

  /** Whether `housekeep` has something to do. */
  get needHousekeeping(): boolean {
    return this.deps.reactions.mayHaveErased || this.tables.some(({ needsCleaning }) => needsCleaning);
  }

  /** Blanks reactions to erased messages, and cleans the tables. Throws when another process holds the lock; a later round tries again. */
  housekeep(): void {
    const { db, eraser, reactions } = this.deps;
    const until = performance.now() + ROUND_BUDGET_MS;
    while (performance.now() < until) {
      const dirty = this.tables.find(({ needsCleaning }) => needsCleaning);
      if (!reactions.mayHaveErased && dirty === undefined) return;
      db.run("begin immediate");
      try {
        if (reactions.mayHaveErased) {
          if (reactions.blankErased(STEP_ROWS)) eraser.markBlanked();
        } else dirty?.clean();
        db.run("commit");
      } catch (error) {
        // A full disk has rolled it back already; another rollback would hide the error.
        if (db.inTransaction) db.run("rollback");
        this.reload();
        throw error;
      }
    }
  }

  /** Whether there is anything about messages below `seq`. */
  hasBelow(place: MessagePlace): boolean {
    const { table, reactions } = this.deps;
    return table.hasBelow(place) || reactions.hasBelow(place);
  }

  /** Removes in steps what is stored about messages below `seq`, which are not kept, until `isStopped`. */
  async blankBelow(place: MessagePlace, isStopped: () => boolean): Promise<void> {
    const { table, reactions, ids, eraser } = this.deps;
    while (this.hasBelow(place) && !isStopped()) {
      try {
        await eraser.inTransaction(() => {
          eraser.markBlanked();
          table.blankBelow(place, STEP_ROWS);
          reactions.blankBelow(place, STEP_ROWS);
          ids.forgetBelow(place);
        });
      } catch (error) {
        this.reload();
        throw error;
      }
      await new Promise(setImmediate);
    }
  }

  /** Reads the state from the disk. MUST be called after a transaction that failed. */
  reload(): void {
    for (const table of this.tables) table.reload();
    this.deps.reactions.reload();
  }

  close(): void {
    this.folds.refuseAll();
    const { table, reactions, ids } = this.deps;
    for (const part of [table, reactions, ids]) part.close();
  }

  private get tables() {
    const { table, reactions } = this.deps;
    return [table.states, table.edits, reactions.rows];
  }

  private readMissed({ conversation, plan }: FoldRequest): MissedChanges | undefined {
    const { messages, findForReading, readFailed } = this.deps;
    try {
      const head = findForReading(conversation);
      if (head === undefined || head.rev === 0) return { changed: [], tooMany: false };
      const kept = { ...plan, first: Math.max(plan.first, head.first) };
      const changed = messages.changes.missed(head.number, kept, MAX_FOLD_BYTES);
      return { changed: changed ?? [], tooMany: changed === undefined };
    } catch (error) {
      readFailed(error);
      return undefined;
    }
  }
}
