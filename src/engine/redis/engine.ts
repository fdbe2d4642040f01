import { Cluster } from "ioredis";
import type { RetentionLimits } from "../../core/conversation/retention.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { EntryListener, EpochListener, Head, Subscription } from "../../core/ports/message-log.ts";
import type { RunOnOneNode } from "../../core/ports/shared-tasks.ts";
import { DEFAULT_STREAM_RULES, type StreamRules } from "../../core/streams/draft.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { type ChargeResult, type MarkArguments, requestMark } from "../operation.ts";
import { type Page, PageQueue, type PageRequest, pageName } from "../page-queue.ts";
import { RedisQuotas } from "./accounts/quotas.ts";
import { ChangeCalls } from "./changes/change-calls.ts";
import { RedisChanges } from "./changes/changes.ts";
import { FileRewriter } from "./changes/file-rewriter.ts";
import { StagedBatch } from "./changes/staged-batch.ts";
import { TextEraser } from "./changes/text-eraser.ts";
import type { Channels } from "./connection/channels.ts";
import type { RedisClient } from "./connection/client.ts";
import { classifyError, RedisUnavailable } from "./connection/errors.ts";
import { PRIMARY_PROBE_INTERVAL_MS, PrimaryProbes } from "./connection/probes/primary-probes.ts";
import type { EventWriting } from "./feed/event-streams.ts";
import { RedisInbox } from "./inbox/inbox.ts";
import { KnownMembers } from "./members/known-members.ts";
import {
  type AnyOperation,
  type BatchExecutor,
  type BatchResult,
  noteRefusals,
  observedBatches,
  UNAVAILABLE,
  unavailableBatch,
} from "./messages/batch.ts";
import { ClusterBatch } from "./messages/cluster-batch.ts";
import { considerWith } from "./messages/considering.ts";
import { Feeds } from "./messages/feeds.ts";
import { MessageReader } from "./messages/message-reader.ts";
import { readMarks } from "./messages/read-marks.ts";
import { RetentionSweeper } from "./messages/retention-sweeper.ts";
import { StandaloneBatch } from "./messages/standalone-batch.ts";
import type { RedisOperation } from "./streams/operations.ts";
import { RedisStreams } from "./streams/streams.ts";

export interface RedisEngineDeps {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly emit: Emit;
  readonly observeBatch?: ((seconds: number) => void) | undefined;
  readonly runOnOneNode: RunOnOneNode;
  /** How long messages are kept in conversations without limits of their own. */
  readonly retention: RetentionLimits;
  /** Where a message must be stored before it is acknowledged (D2). */
  readonly ackAfter: "primary" | "replica";
  /** Without them, those of `DEFAULT_STREAM_RULES`. */
  readonly streamRules?: StreamRules;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end, which is also without it. */
  readonly editWithin?: number;
  /** How often Redis may be asked to rewrite its append-only file because of erased texts, in milliseconds; 0 for never. */
  readonly rewriteIntervalMs?: number;
  /** The members that this node knows; the port for members keeps it right. */
  readonly knownMembers?: KnownMembers;
  /** The feed; without it, optional events are not written. */
  readonly events?: EventWriting | undefined;
  /** For tasks that run every few seconds. */
  readonly clock: Clock;
  /** A manual clock, for tests. Without it, the time of Redis is used (Q1). */
  readonly time?: Clock;
}

/** Limits of one batch, in operations and in UTF-16 units of text: Redis serves no other client while it runs a batch. */
const MAX_BATCH_OPERATIONS = 500;
const MAX_BATCH_TEXT_UNITS = 1024 * 1024;
/** What a change counts as: it reads and announces a message. */
const CHANGE_TEXT_UNITS = 8_192;

/** Two, so that a batch is already on its way while Redis carries out the one before it. */
const MAX_BATCHES_IN_FLIGHT = 2;

/** Pages that are read in a row before posts are carried out again. */
const MAX_PAGES_IN_A_ROW = 4;

/** How long a replica may take to confirm a write, in milliseconds. */
export const REPLICA_TIMEOUT_MS = 1_000;

/** How often a share of the feeds is compared with the store, in milliseconds, and in how many rounds all of them are compared. */
const CHECK_INTERVAL_MS = 500;
const CHECK_ROUNDS = 8;

/** How often the append-only file may be rewritten because of erased texts, in milliseconds, where nothing else is set. */
const DEFAULT_REWRITE_INTERVAL_MS = 3_600_000;

/**
 * The engine port on Redis, for many nodes.
 *
 * Operations that arrive while Redis carries out a batch form the next batch. Batches are executed one after the other, so
 * the requests of a user take effect in their order; and the busier a node is, the more operations share one script call.
 */
export class RedisEngine implements Engine {
  readonly description: string;
  private readonly client: RedisClient;
  private readonly emit: Emit;
  private readonly events: EventWriting | undefined;
  private readonly batches: BatchExecutor;
  private readonly staged: StagedBatch;
  private readonly reader: MessageReader;
  private readonly feeds: Feeds;
  private readonly pages: PageQueue<PageRequest, Page>;
  private readonly sweeper: RetentionSweeper;
  readonly eraser: TextEraser;
  /** Undefined on a single Redis, where the probe of the client covers everything. */
  private readonly primaryProbes: PrimaryProbes | undefined;
  readonly inbox: RedisInbox;
  readonly streams: RedisStreams;
  readonly changes: RedisChanges;
  private readonly quotas: RedisQuotas;
  private readonly stopTimers: readonly (() => void)[];
  private queue: AnyOperation[] = [];
  private scheduled = false;
  private inFlight = 0;
  /** Whether the newest batch in flight has changes, which take several calls: a later batch would overtake them. */
  private isChanging = false;
  private readonly maxInFlight: number;
  /** Resolves when the results of the newest batch were delivered. */
  private delivered: Promise<void> = Promise.resolve();
  /** The result of the newest batch that was sent to Redis. */
  private executed: Promise<unknown> = Promise.resolve();
  private checking = false;
  private closing = false;
  private closed = false;

  /** `client` MUST be connected. Nothing may be asked before `begin`. */
  constructor(deps: RedisEngineDeps) {
    const { client, channels, emit, retention, ackAfter, clock, time, runOnOneNode } = deps;
    this.client = client;
    this.quotas = new RedisQuotas(client, emit, time);
    this.emit = emit;
    this.events = deps.events;
    this.description = client.description;
    this.reader = new MessageReader(client, emit);
    this.feeds = new Feeds({ client, channels, emit, store: this.reader });
    const members = deps.knownMembers ?? new KnownMembers();
    this.feeds.watchEpoch((conversation) => members.forget(conversation));
    this.pages = new PageQueue({
      read: ({ conversation, after, upTo, count }) => this.reader.page(conversation, after + 1, upTo, count),
      nameOf: pageName,
      waitForWrites: () => this.executed,
      maxInARow: MAX_PAGES_IN_A_ROW,
    });
    const replicaTimeoutMs = ackAfter === "replica" ? REPLICA_TIMEOUT_MS : undefined;
    const streamRules = deps.streamRules ?? DEFAULT_STREAM_RULES;
    const batchDeps = {
      client,
      emit,
      retention,
      replicaTimeoutMs,
      time,
      known: (conversation: string) => this.feeds.known(conversation),
      wantsMarks: () => this.events?.counts("read.marked") === true,
      members,
      streamRules,
    };
    // In Cluster a batch is several calls to different primaries, so the calls of a later batch could overtake those of an earlier one.
    this.maxInFlight = client.isCluster ? 1 : MAX_BATCHES_IN_FLIGHT;
    const storeEpoch = () => this.reader.storeEpoch;
    const batches = client.isCluster
      ? new ClusterBatch({ ...batchDeps, storeEpoch })
      : new StandaloneBatch(batchDeps);
    this.batches = observedBatches(batches, deps.observeBatch);
    const { editWithin = 0 } = deps;
    this.staged = new StagedBatch(this.batches, new ChangeCalls({ ...batchDeps, storeEpoch, editWithin }));
    const { rewriteIntervalMs = DEFAULT_REWRITE_INTERVAL_MS } = deps;
    const files = new FileRewriter({ client, emit, clock: time ?? clock, intervalMs: rewriteIntervalMs });
    this.eraser = new TextEraser({ client, runOnOneNode, files });
    const onErased = () => files.note();
    this.sweeper = new RetentionSweeper({ client, emit, retention, clock, time, runOnOneNode, onErased });
    const { commands: cluster, keys, node, description } = client;
    this.primaryProbes =
      cluster instanceof Cluster
        ? new PrimaryProbes({
            ...{ cluster, keys, node, description, emit, replicaTimeoutMs },
            now: () => clock.now(),
          })
        : undefined;
    this.stopTimers = [
      clock.every(CHECK_INTERVAL_MS, () => this.checkFeeds()),
      clock.every(PRIMARY_PROBE_INTERVAL_MS, () => this.primaryProbes?.run()),
    ];
    this.streams = new RedisStreams({
      ...{ client, channels, emit, clock, time, replicaTimeoutMs, rules: streamRules },
      enqueue: (operation) => this.enqueue(operation),
    });
    this.changes = new RedisChanges({
      ...{ client, emit },
      enqueue: (operation) => this.enqueue(operation),
      rev: async (conversation) => (await this.head(conversation)).rev,
      readQuota: (...user) => this.quotas.look(...user),
      watch: (listener) => this.feeds.watchChanges(listener),
      deliverUpTo: (...place) => this.feeds.deliverUpTo(...place),
      waitForWrites: () => this.executed,
    });
    this.inbox = new RedisInbox({
      client,
      clock,
      time,
      storeEpoch: () => this.reader.storeEpoch,
      watchEpoch: (listener) => this.watchEpoch(listener),
    });
  }

  /** Reads what the engine needs before its first request; again after it has rejected. */
  async begin(): Promise<void> {
    await Promise.all([this.reader.refreshEpoch(), this.streams.begin()]);
    this.primaryProbes?.run();
  }

  /** The epoch of the store, as this node knows it. */
  get storeEpoch(): string {
    return this.reader.storeEpoch;
  }

  readonly post: Engine["post"] = (request, done) => this.enqueue({ kind: "post", request, done });

  /** Reads it again. */
  readonly refreshStoreEpoch = (): Promise<void> => this.reader.refreshEpoch();

  readonly consider: Engine["consider"] = (request, done) =>
    considerWith(
      (found: Parameters<Engine["consider"]>[1]) => this.enqueue({ kind: "consider", request, done: found }),
      () => this.quotas.look(request.user, request.limit),
    ).then(done, () => done(UNAVAILABLE));

  readonly history: Engine["history"] = (request, done) => this.enqueue({ kind: "history", request, done });

  quota(user: string, limit: number): Promise<Quota | null> {
    return this.quotas.quota(user, limit);
  }

  async charge(user: string, limit: number, count: number): Promise<ChargeResult> {
    const result = await this.quotas.charge(user, limit, count);
    if (result.outcome === "rate_limited") this.events?.noteRefused(user, limit);
    return result;
  }

  subscribe(conversation: string, listener: EntryListener): Promise<Subscription> {
    return this.feeds.subscribe(conversation, listener);
  }

  async head(conversation: string): Promise<Head> {
    const head = await this.feeds.head(conversation);
    if (head === undefined) throw new RedisUnavailable();
    return head;
  }

  async page(conversation: string, after: number, upTo: number, count: number) {
    return this.closed ? undefined : this.pages.add({ conversation, after, upTo, count });
  }

  setReadMark(...mark: MarkArguments): Promise<number | undefined> {
    return requestMark((operation) => this.enqueue(operation), mark);
  }

  readMarks(conversation: string, users: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return readMarks(this.client, conversation, users);
  }

  /** After Redis was unavailable: delivers the messages that were missed, or reports that messages were lost. */
  async catchUp(): Promise<void> {
    await this.feeds.catchUp();
    await this.streams.recover();
  }

  /** Removes the messages that are no longer kept, in all conversations, and the texts of those that were edited or erased. */
  async clean(): Promise<void> {
    await this.sweeper.sweep();
    await this.eraser.run();
  }

  ready(): boolean {
    return this.client.ready && !this.closed;
  }

  allWritable(): boolean {
    return this.ready() && this.primaryProbes?.allWritable !== false;
  }

  /** In Cluster, one primary can be unreachable, or refuse writes, while the others serve. */
  isUnavailable(error: unknown): boolean {
    this.client.recheck(error);
    return !this.ready() || classifyError(error) !== undefined;
  }

  watchReady(listener: (ready: boolean) => void): () => void {
    return this.client.watchReady(listener);
  }

  watchEpoch(listener: EpochListener): () => void {
    return this.feeds.watchEpoch(listener);
  }

  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    await this.streams.stop();
    this.closed = true;
    for (const stop of this.stopTimers) stop();
    this.sendBatches();
    while (this.inFlight > 0) await this.delivered;
    this.pages.refuseAll();
    this.changes.close();
    this.inbox.close();
    this.streams.close();
    this.feeds.close();
    await this.eraser.stop();
    await this.sweeper.stop();
  }

  private enqueue(operation: AnyOperation): void {
    if (this.closed) {
      (operation.done as (result: typeof UNAVAILABLE) => void)(UNAVAILABLE);
      return;
    }
    this.queue.push(operation);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.sendBatches();
    });
  }

  /** Sends the queued operations to Redis, up to `maxInFlight` batches at a time. */
  private sendBatches(): void {
    while (this.inFlight < (this.isChanging ? 1 : this.maxInFlight) && this.queue.length > 0) {
      const operations = this.takeBatch();
      const batch = this.feeds.beginBatch(operations);
      for (const { kind, request } of operations)
        if (kind === "post" || kind === "end") this.sweeper.noteActivity(request.conversation);
      this.isChanging = operations.some(({ kind }) => kind === "change");
      const executed = this.execute(operations);
      this.executed = executed;
      this.inFlight++;
      this.delivered = this.finish(this.delivered, batch, operations, executed);
    }
  }

  /** Never rejects: a batch without results would hold up all later ones. */
  private async execute(operations: readonly AnyOperation[]): Promise<BatchResult> {
    if (!this.client.ready) return unavailableBatch(operations);
    try {
      const result = this.isChanging
        ? await this.staged.execute(operations)
        : await this.batches.execute(operations as readonly RedisOperation[]);
      const isEnding = operations.some(({ kind, request }) => kind === "end" && request.limit > 0);
      if (isEnding) await this.quotas.addToEnds(operations, result.results);
      return result;
    } catch (error) {
      this.emit("store.write_failed", { error: String(error), waiting: operations.length });
      return unavailableBatch(operations);
    }
  }

  /** Delivers the results of a batch, after those of the batch before it. */
  private async finish(
    before: Promise<void>,
    batch: ReturnType<Feeds["beginBatch"]>,
    operations: readonly AnyOperation[],
    executed: Promise<BatchResult>,
  ): Promise<void> {
    const result = await executed;
    await before;
    this.inFlight--;
    // Before the delivery, so that Redis works on the next batch meanwhile.
    this.sendBatches();
    if (this.events !== undefined) noteRefusals(this.events, operations, result);
    this.feeds.deliverBatch(batch, operations, result);
    if (operations.some(({ kind }) => kind !== "history")) this.events?.noteWrite();
  }

  private takeBatch(): AnyOperation[] {
    let count = 0;
    for (
      let text = 0;
      count < Math.min(MAX_BATCH_OPERATIONS, this.queue.length) && text < MAX_BATCH_TEXT_UNITS;
      count++
    ) {
      const operation = this.queue[count]!;
      if (operation.kind === "post") text += operation.request.body.length;
      else if (operation.kind === "change") text += CHANGE_TEXT_UNITS;
    }
    return this.queue.splice(0, count);
  }

  private async checkFeeds(): Promise<void> {
    if (this.checking || !this.client.ready) return;
    this.checking = true;
    await this.feeds.check(1 / CHECK_ROUNDS);
    this.checking = false;
  }
}
