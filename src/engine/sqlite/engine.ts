import type { Database } from "bun:sqlite";
import { QUOTA_WINDOW_MS } from "../../core/conversation/quota.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { EntryListener, EpochListener, Head, Subscription } from "../../core/ports/message-log.ts";
import { StoreTime } from "../../core/store-time.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { Listeners } from "../listeners.ts";
import { type ChargeResult, type MarkArguments, requestMark } from "../operation.ts";
import { type Page, PageQueue, type PageRequest, pageName } from "../page-queue.ts";
import { Batch } from "./batch.ts";
import type { BatchOutcome, QueuedOperation } from "./batch-outcome.ts";
import { BatchTransaction } from "./batch-transaction.ts";
import type { SqliteChanges } from "./changes/changes.ts";
import { openChanges } from "./changes/open.ts";
import { warnOfClockBehind } from "./clock-behind.ts";
import { Delivery } from "./delivery.ts";
import type { SqliteEngineDeps } from "./engine-deps.ts";
import type { SqliteFeed } from "./feed/feed.ts";
import { openFeed } from "./feed/open.ts";
import { EndMark } from "./folder/end-mark.ts";
import { isStoreError, StoreUnavailable } from "./folder/errors.ts";
import { StoreCondition } from "./folder/store-condition.ts";
import { keepHouse } from "./housekeeping.ts";
import { SqliteInbox } from "./inbox/inbox.ts";
import { IndexCorrupted, type IndexFile } from "./index/index-file.ts";
import type { IndexWorker } from "./index/index-worker.ts";
import { SqliteMembers } from "./members/members.ts";
import type { ConversationHead } from "./messages/conversation-head.ts";
import { Eraser } from "./messages/eraser.ts";
import { HistoryReader } from "./messages/history-reader.ts";
import { MessageLog } from "./messages/message-log.ts";
import { QuotaLog } from "./messages/quota-log.ts";
import { ReadMarkTable } from "./messages/read-mark-table.ts";
import { RetentionSweeper } from "./messages/retention-sweeper.ts";
import { Subscriptions } from "./messages/subscriptions.ts";
import { SqlitePersons } from "./person/person-store.ts";
import { readMeta } from "./schema.ts";
import { openStreams } from "./streams/open.ts";
import type { SqliteStreams } from "./streams/streams.ts";

/** After how long a batch tries again to take the write lock. */
const LOCK_RETRY_MS = 2;
const HOUSEKEEPING_INTERVAL_MS = 500;
/** Messages that a round of housekeeping drops from the memtable. */
const FORGET_BUDGET = 20_000;
const MAX_HEADS = 10_000;

/**
 * The engine port on SQLite, for one server on one machine.
 *
 * The operations of one turn of the event loop are one transaction (group commit). Inside it the engine decides and writes
 * rows; it replies and announces only after the commit. When a commit fails, all of its operations get `unavailable`, and
 * the state in memory is read from the disk again.
 */
export class SqliteEngine implements Engine {
  readonly description: string;
  /** The port for members, on the same connection: its changes and the batches of posts come one after another. */
  readonly members: SqliteMembers;
  readonly inbox: SqliteInbox;
  readonly streams: SqliteStreams;
  readonly changes: SqliteChanges;
  readonly feed: SqliteFeed;
  readonly persons: SqlitePersons;
  private readonly db: Database;
  private readonly index: IndexFile;
  private readonly indexWorker: IndexWorker;
  private readonly clock: Clock;
  private readonly emit: Emit;
  private readonly messages: MessageLog;
  private readonly reader: HistoryReader;
  readonly quotaLog: QuotaLog;
  private readonly readMarkTable: ReadMarkTable;
  private readonly batch: Batch;
  private readonly delivery: Delivery;
  private readonly sweeper: RetentionSweeper;
  private readonly eraser: Eraser;
  private readonly transaction: BatchTransaction;
  // One page for each turn of the event loop, so that messages that arrive meanwhile are stored first.
  private readonly pages = new PageQueue<PageRequest, Page>({
    read: (request) => this.readPage(request),
    nameOf: pageName,
    waitForWrites: () => new Promise(setImmediate),
    maxInARow: 1,
  });
  private readonly epochListeners = new Listeners<Parameters<EpochListener>>();
  /** Removed conversations of which the epoch listeners are not notified yet. */
  private removed: ConversationHead[] = [];
  private readonly subscriptions: Subscriptions;
  private readonly stopHousekeeping: () => void;
  private readonly time: StoreTime;
  private queue: QueuedOperation[] = [];
  private scheduled = false;
  /** Whether the store is ready. Everything that uses its files reports errors here. */
  readonly condition: StoreCondition;
  private readonly endMark: EndMark;
  /** Whether memory may differ from the disk: a commit failed, and the disk was not read since. */
  private stale = false;
  private closed = false;

  constructor(deps: SqliteEngineDeps) {
    this.db = deps.db;
    this.index = deps.index;
    this.indexWorker = deps.indexWorker;
    this.clock = deps.clock;
    this.emit = deps.emit;
    this.description = deps.description;
    this.subscriptions = new Subscriptions(this.emit);
    this.quotaLog = new QuotaLog(this.db);
    this.messages = new MessageLog(this.db, this.index, this.indexWorker);
    this.indexWorker.readFrom(this.messages);
    this.reader = new HistoryReader(this.messages);
    this.readMarkTable = new ReadMarkTable(this.db);
    const { messages, quotaLog, readMarkTable, reader } = this;
    const now = () => this.now();
    const assertReadable = () => this.assertReadable();
    const { feed, table, events } = openFeed({
      ...{ db: this.db, messages, retention: deps.feedRetention, assertReadable, now },
      enqueue: (operation) => this.enqueue(operation),
    });
    this.feed = feed;
    this.members = new SqliteMembers({ ...deps, messages, now, events: table, changed: () => feed.notify() });
    this.inbox = new SqliteInbox({ ...deps, messages, now, assertReadable });
    const clock = { now };
    this.eraser = new Eraser({ ...deps, messages, clock });
    const { members, inbox, subscriptions, eraser } = this;
    this.batch = new Batch(messages, quotaLog, readMarkTable, reader, members.table, inbox.recent, events);
    this.streams = openStreams({
      ...{ db: this.db, rules: deps.streamRules, batch: this.batch, assertReadable, now },
      enqueue: (operation) => this.enqueue(operation),
      textDropped: () => eraser.markBlanked(),
    });
    this.transaction = new BatchTransaction(this.db, this.clock, deps.observeBatch);
    this.changes = openChanges({
      ...{ ...deps, messages, charges: quotaLog, recent: inbox.recent, batch: this.batch, eraser },
      enqueue: (operation) => {
        if (operation.request.change.kind === "erase") this.transaction.makeDurable();
        this.enqueue(operation);
      },
      findForReading: (conversation) => this.findForReading(conversation),
      readFailed: (error) => this.condition.readFailed(error),
    });
    const { streams, changes } = this;
    this.delivery = new Delivery({ ...deps, subscriptions, members, inbox, streams, changes });
    const writtenAt = Number(readMeta(this.db, "written_at") ?? 0);
    const newest = () => Math.max(quotaLog.newestAt, messages.newestAt, inbox.newestAt, writtenAt);
    this.time = new StoreTime(this.clock, newest);
    warnOfClockBehind(this.time, this.emit);
    this.condition = new StoreCondition({ ...deps, messages });
    inbox.readRecent((error) => this.condition.readFailed(error));
    this.streams.reload();
    const epoch = readMeta(this.db, "epoch") ?? "";
    this.endMark = new EndMark(deps.paths.end, { epoch, position: messages.lastPosition });
    this.sweeper = new RetentionSweeper({
      ...{ ...deps, messages, clock, eraser, changes, inbox },
      onRemoved: (head) => this.removed.push(head),
    });
    const parts = {
      messages,
      charges: quotaLog,
      recent: inbox.recent,
      members: this.members,
      streams,
      eraser,
      feed: this.feed,
      now,
    };
    this.persons = new SqlitePersons({ ...parts, db: this.db, sweep: () => this.clean() });
    this.stopHousekeeping = this.clock.every(HOUSEKEEPING_INTERVAL_MS, () => this.housekeep());
  }

  readonly post: Engine["post"] = (request, done) => this.enqueue({ kind: "post", request, done });

  readonly consider: Engine["consider"] = (request, done) =>
    this.enqueue({ kind: "consider", request, done });

  readonly history: Engine["history"] = (request, done) => this.enqueue({ kind: "history", request, done });

  charge(user: string, limit: number, count: number): Promise<ChargeResult> {
    return new Promise((done) => this.enqueue({ kind: "charge", request: { user, limit, count }, done }));
  }

  async quota(user: string, limit: number): Promise<Quota | null> {
    return this.quotaLog.view(user, limit, this.now());
  }

  async subscribe(conversation: string, listener: EntryListener): Promise<Subscription> {
    return this.subscriptions.add(conversation, this.readHead(conversation), listener);
  }

  async head(conversation: string): Promise<Head> {
    return this.readHead(conversation);
  }

  async page(conversation: string, after: number, upTo: number, count: number): Promise<Page | undefined> {
    return this.closed ? undefined : this.pages.add({ conversation, after, upTo, count });
  }

  setReadMark(...mark: MarkArguments): Promise<number | undefined> {
    return requestMark((operation) => this.enqueue(operation), mark);
  }

  async readMarks(conversation: string, users: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const head = this.findForReading(conversation);
    return head === undefined ? new Map() : this.readMarkTable.of(head.number, users);
  }

  /** Removes the messages that are no longer kept, without waiting for housekeeping. */
  clean(): Promise<void> {
    return this.sweeper.sweep();
  }

  ready(): boolean {
    return this.condition.troubles.isEmpty && !this.closed;
  }

  allWritable(): boolean {
    return this.ready();
  }

  isUnavailable(error: unknown): boolean {
    return !this.ready() || isStoreError(error);
  }

  watchReady(listener: (ready: boolean) => void): () => void {
    return this.condition.troubles.watch(listener);
  }

  /** Reports removed conversations only: the only server on the file announces messages after their commit, and loses none. */
  watchEpoch(listener: EpochListener): () => void {
    return this.epochListeners.add((change) => listener(...change));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.commitBatch();
    this.closed = true;
    this.stopHousekeeping();
    this.refuseQueue();
    this.pages.refuseAll();
    await this.condition.stop();
    await this.sweeper.stop();
    await this.indexWorker.stop();
    const { index, messages, quotaLog, readMarkTable, members, inbox, streams, changes, feed } = this;
    const parts = [index, messages, quotaLog, readMarkTable, members, inbox, streams, changes, feed];
    for (const part of parts) part.close();
    this.db.close();
  }

  private now(): number {
    return this.time.now();
  }

  private enqueue(operation: QueuedOperation): void {
    if (this.closed) {
      this.delivery.reply(operation, { outcome: "unavailable" });
      return;
    }
    this.queue.push(operation);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.commitBatch());
  }

  /** A new list costs less than a splice of all operations. */
  private takeQueue(): QueuedOperation[] {
    const { queue } = this;
    this.queue = [];
    return queue;
  }

  private refuseQueue(): void {
    for (const operation of this.takeQueue()) this.delivery.reply(operation, { outcome: "unavailable" });
  }

  /** Carries out the operations of this turn of the event loop, as one transaction. */
  private commitBatch(): void {
    this.scheduled = false;
    if (this.queue.length === 0 || this.closed) return;
    if (!this.condition.troubles.mayWrite || !this.refresh()) return void this.refuseQueue();
    if (!this.beginTransaction()) return;
    const operations = this.takeQueue();
    const now = this.now();
    let outcomes: BatchOutcome[];
    try {
      this.sweeper.applyNewChanges();
      outcomes = operations.map((operation) => this.batch.execute(operation, now));
      this.quotaLog.write(now);
      this.transaction.commit();
    } catch (error) {
      this.rollBack(error);
      this.notifyRemoved();
      for (const operation of operations) this.delivery.reply(operation, { outcome: "unavailable" });
      return;
    } finally {
      this.transaction.ended();
    }
    // Before replies and announcements: the next start must notice when a message that was announced is gone.
    this.endMark.record(this.messages.lastPosition);
    this.condition.writeSucceeded();
    this.notifyRemoved();
    for (const outcome of outcomes) this.delivery.deliver(outcome);
    this.feed.notify();
    this.indexWorker.appended(this.messages.lastPosition);
    // Twice as many, so that the memtable shrinks under constant load, too.
    this.messages.forgetIndexed(operations.length * 2);
  }

  private notifyRemoved(): void {
    for (const { id, first, epoch } of this.removed.splice(0)) {
      this.streams.conversationRemoved(id);
      this.epochListeners.notify([id, first - 1, epoch]);
    }
  }

  /** Takes the write lock without waiting on the event loop; returns false when the batch must come back later. */
  private beginTransaction(): boolean {
    const begun = this.transaction.begin();
    if (begun === "begun") return true;
    if (begun === "busy") {
      this.scheduled = true;
      setTimeout(() => this.commitBatch(), LOCK_RETRY_MS);
      return false;
    }
    this.condition.writeFailed(begun.error, this.queue.length);
    this.refuseQueue();
    return false;
  }

  private rollBack(error: unknown): void {
    this.stale = true;
    this.condition.writeFailed(error);
    this.refresh();
  }

  /** Reads the state from disk again if memory may differ from it. Returns false when the disk cannot be read now. */
  private refresh(): boolean {
    if (!this.stale) return true;
    try {
      if (this.db.inTransaction) this.db.run("rollback");
      // A rebuild of the index ends with a reload, too.
      if (!this.condition.troubles.has("index")) this.messages.reload();
      this.quotaLog.reload(this.now() - QUOTA_WINDOW_MS);
      this.inbox.recent.reload();
      this.streams.reload();
      this.changes.reload();
      this.feed.reload();
      this.eraser.rolledBack();
      this.stale = false;
    } catch (error) {
      this.condition.readFailed(error);
    }
    return !this.stale;
  }

  private readHead(conversation: string): Head {
    const head = this.findForReading(conversation);
    const { seq, first, rev } = head ?? { seq: 0, first: 1, rev: 0 };
    return { seq, first, epoch: this.messages.epochOf(head), rev };
  }

  /** Returns the head of a conversation for a read request. Throws when the disk cannot be read. */
  private findForReading(conversation: string): ConversationHead | undefined {
    this.assertReadable();
    try {
      return this.messages.find(conversation);
    } catch (error) {
      this.condition.onError(error);
      throw error instanceof IndexCorrupted ? new StoreUnavailable(error.message) : error;
    }
  }

  private assertReadable(): void {
    if (this.closed) throw new StoreUnavailable("The store is closed.");
    if (this.condition.troubles.has("index")) throw new StoreUnavailable("The index is being rebuilt.");
    if (!this.refresh()) throw new StoreUnavailable("The store cannot be read after a commit that failed.");
  }

  private readPage(request: PageRequest): Page | undefined {
    try {
      const head = this.findForReading(request.conversation);
      return head === undefined ? [] : this.reader.page(head, request);
    } catch (error) {
      this.condition.readFailed(error);
      return undefined;
    }
  }

  private housekeep(): void {
    if (this.closed || !this.condition.check() || !this.refresh()) return;
    this.condition.probe(this.now());
    this.messages.forgetIndexed(FORGET_BUDGET);
    keepHouse(this, this.now());
    this.messages.forgetHeads(MAX_HEADS, (conversation) => this.subscriptions.has(conversation));
    this.sweeper.runRound();
    this.notifyRemoved();
  }
}
