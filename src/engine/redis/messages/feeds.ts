import { LruMap } from "../../../core/collections/lru-map.ts";
import type { Entry } from "../../../core/conversation/entry.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { ChangeEvent } from "../../../core/ports/conversation/changes.ts";
import type { EntryListener, EpochListener, Head, Subscription } from "../../../core/ports/message-log.ts";
import { Listeners } from "../../listeners.ts";
import { decodeChanges, NO_CHANGES } from "../changes/encoding.ts";
import type { ChannelSubscription, Channels } from "../connection/channels.ts";
import type { RedisClient } from "../connection/client.ts";
import { RedisUnavailable } from "../connection/errors.ts";
import {
  type AnyOperation,
  type BatchResult,
  type ChangePlace,
  type KnownHead,
  type RedisResult,
  UNAVAILABLE,
} from "./batch.ts";
import type { FeedStore, FeedView } from "./feed-store.ts";
import { decodeAnnouncement, entryOf } from "./message-encoding.ts";
import { OrderedFeed } from "./ordered-feed.ts";

export interface FeedsDeps {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly emit: Emit;
  readonly store: Pick<FeedStore, "head" | "read" | "changes"> & {
    /** Reads the epoch of the store again, because it may have changed. MUST NOT reject. */
    refreshEpoch(): Promise<void>;
  };
}

interface OpenFeed {
  readonly feed: OrderedFeed;
  readonly opening: Promise<void>;
  subscription: ChannelSubscription | undefined;
}

/** The number of conversations without a subscription on this node whose newest `seq` is remembered. */
const MAX_REMEMBERED = 50_000;

/** The number of feeds that catch up at once after Redis was unavailable. */
const CATCH_UP_BATCH_SIZE = 500;

/** The number of tries to read the head of a conversation that loses messages meanwhile. */
const MAX_HEAD_ATTEMPTS = 3;

const UNKNOWN_HEAD: KnownHead = { seq: 0, at: 0, epoch: "", rev: NO_CHANGES, subscriptions: 0 };

/** The feeds of the conversations with subscriptions on this node, and the newest `seq` of others that it has posted to. */
export class Feeds {
  private readonly feeds = new Map<string, OpenFeed>();
  private readonly remembered = new LruMap<Pick<KnownHead, "seq" | "at" | "epoch" | "rev">>(MAX_REMEMBERED);
  private readonly epochListeners = new Set<EpochListener>();
  private readonly changeListeners: Listeners<ChangeEvent>;
  private readonly feedStore: FeedStore;
  private batchCount = 0;
  /** The feeds that are not checked yet in this round. */
  private toCheck: OrderedFeed[] = [];
  private readonly stopWatching: () => void;

  constructor(private readonly deps: FeedsDeps) {
    const { head, read, changes } = deps.store;
    this.changeListeners = new Listeners({
      onError: (error) => deps.emit("engine.listener_failed", { error: String(error) }),
    });
    this.feedStore = {
      head,
      read,
      changes,
      onChange: ({ conversation }, next) =>
        this.changeListeners.notify(
          "changed" in next
            ? { type: "folded", conversation, rev: next.rev.rev, changed: next.changed }
            : { type: "changed", change: next },
        ),
      emit: deps.emit,
      onEnded: (feed) => this.forget(feed),
      onEpochChanged: ({ conversation, lastDelivered, epoch }) => {
        for (const listener of this.epochListeners) listener(conversation, lastDelivered, epoch);
      },
    };
    this.stopWatching = deps.client.watchReady((ready) => {
      if (!ready) for (const { feed } of this.feeds.values()) feed.markUnverified();
    });
  }

  watchEpoch(listener: EpochListener): () => void {
    this.epochListeners.add(listener);
    return () => this.epochListeners.delete(listener);
  }

  /** Calls `listener` with the changes of conversations that have subscriptions on this node. Returns a function that stops it. */
  watchChanges(listener: (event: ChangeEvent) => void): () => void {
    return this.changeListeners.add(listener);
  }

  /** Starts to deliver the entries of a conversation. Rejects when Redis cannot be reached. */
  async subscribe(conversation: string, listener: EntryListener): Promise<Subscription> {
    for (;;) {
      let open = this.feeds.get(conversation);
      if (open === undefined) {
        const feed = new OrderedFeed(conversation, this.feedStore);
        open = { feed, opening: this.open(feed), subscription: undefined };
        this.feeds.set(conversation, open);
      }
      if (!open.feed.isOpen) await open.opening;
      // Other subscriptions that waited for the feed may have begun and ended meanwhile.
      if (this.feeds.get(conversation) === open) return open.feed.add(listener);
    }
  }

  /**
   * Returns the head of a conversation. Before it resolves, the subscriptions on this node get all entries up to the head, and
   * learn of lost messages: a client that comes from another node may have seen entries that this node has not received (D4).
   */
  async head(conversation: string): Promise<Head | undefined> {
    for (let tries = 0; tries < MAX_HEAD_ATTEMPTS; tries++) {
      const head = await this.feedStore.head(conversation, this.known(conversation));
      const feed = this.feeds.get(conversation)?.feed;
      if (head === undefined) return undefined;
      if (feed?.isOpen) {
        if (feed.epoch !== head.epoch) await feed.check();
        else if (!(await feed.waitUntilDelivered(head.seq, head.rev))) continue;
      }
      const { seq, first, epoch, rev } = head;
      return { seq, first, epoch, rev };
    }
    return undefined;
  }

  /** Resolves when the subscriptions on this node got all up to this message and change; with false if that is not possible now. */
  async deliverUpTo(conversation: string, seq: number, rev: number): Promise<boolean> {
    const feed = this.feeds.get(conversation)?.feed;
    return !feed?.isOpen || feed.waitUntilDelivered(seq, rev);
  }

  known(conversation: string): KnownHead {
    const feed = this.feeds.get(conversation)?.feed;
    if (feed?.isOpen) {
      return { ...feed.known, subscriptions: this.deps.client.ready ? 1 : 0 };
    }
    const remembered = this.remembered.get(conversation);
    return remembered === undefined ? UNKNOWN_HEAD : { ...remembered, subscriptions: 0 };
  }

  /** Records that a batch is about to be carried out. Returns its number. */
  beginBatch(operations: readonly AnyOperation[]): number {
    this.batchCount++;
    for (const { kind, request } of operations)
      if (isStoring(kind)) this.feeds.get(request.conversation)?.feed.beginBatch(this.batchCount);
    return this.batchCount;
  }

  /** Delivers the messages that a batch stored, and replies to all of its operations, in order. */
  deliverBatch(batch: number, operations: readonly AnyOperation[], done: BatchResult): void {
    const { results, epochs, places } = done;
    for (const [conversation, epoch] of epochs) this.onEpoch(conversation, epoch, operations, done);
    const uncertain = new Set<OrderedFeed>();
    for (const [i, operation] of operations.entries()) {
      const result = results[i]!;
      const { conversation } = operation.request;
      const feed = this.feeds.get(conversation)?.feed;
      const place = places?.get(i);
      if (feed === undefined) {
        if ("seq" in result && operation.kind !== "change") this.remember(conversation, result);
        if (place !== undefined) this.rememberRev(conversation, place);
        this.reply(operation, result);
        continue;
      }
      // The message may be stored although the reply was lost, and then no node announces it.
      if (result.outcome === "unavailable") uncertain.add(feed);
      feed.addReply({
        seq: place?.after ?? ("seq" in result ? result.seq : 0),
        rev: place?.rev.rev ?? 0,
        change: place?.made?.change,
        entry: storedEntry(operation, result),
        send: (isDelivered) => this.reply(operation, isDelivered ? result : UNAVAILABLE),
      });
    }
    for (const { kind, request } of operations)
      if (isStoring(kind)) this.feeds.get(request.conversation)?.feed.endBatch(batch);
    for (const feed of uncertain) feed.check();
  }

  /** Checks a `share` (0–1) of the feeds: whether the store has more than was announced, or less. */
  async check(share: number): Promise<void> {
    // In Cluster, the store's epoch is in another slot than the conversations, so their scripts do not return it.
    if (this.deps.client.isCluster) await this.deps.store.refreshEpoch();
    if (this.toCheck.length === 0) this.toCheck = [...this.feeds.values()].map(({ feed }) => feed);
    const count = Math.ceil(this.feeds.size * share);
    await Promise.all(this.toCheck.splice(0, count).map((feed) => feed.check()));
  }

  /**
   * After Redis was unavailable: delivers missed messages, or reports that messages are lost. A feed that cannot be checked now
   * is checked again by `check`.
   */
  async catchUp(): Promise<void> {
    await this.deps.store.refreshEpoch();
    const feeds = [...this.feeds.values()];
    for (let i = 0; i < feeds.length; i += CATCH_UP_BATCH_SIZE)
      await Promise.all(feeds.slice(i, i + CATCH_UP_BATCH_SIZE).map(({ feed }) => feed.catchUp()));
  }

  /** Ends all subscriptions. */
  close(): void {
    this.stopWatching();
    for (const { feed } of this.feeds.values()) feed.end();
  }

  private async open(feed: OrderedFeed): Promise<void> {
    const { conversation } = feed;
    try {
      const subscription = await this.deps.channels.open(conversation, {
        message: (payload) => feed.receive(decodeAnnouncement(payload)),
        change: (payload) => feed.receiveChanges(decodeChanges(conversation, payload)),
      });
      const open = this.feeds.get(conversation);
      if (open?.feed !== feed) {
        subscription.close();
        throw new Error("closed");
      }
      open.subscription = subscription;
      // The head is read after the subscription, so that no entry is missed between the two.
      const head = await this.feedStore.head(conversation, this.known(conversation));
      if (head === undefined) throw new RedisUnavailable();
      feed.open(head);
    } catch (error) {
      feed.end();
      throw error;
    }
  }

  private forget(feed: FeedView): void {
    const { conversation } = feed;
    const open = this.feeds.get(conversation);
    if (open?.feed !== feed) return;
    this.feeds.delete(conversation);
    open.subscription?.close();
    if (feed.isOpen) this.remembered.set(conversation, feed.known);
  }

  private remember(conversation: string, { seq, at }: Pick<KnownHead, "seq" | "at">): void {
    const known = this.remembered.get(conversation);
    if (known !== undefined && seq > known.seq) this.remembered.set(conversation, { ...known, seq, at });
  }

  private rememberRev(conversation: string, { rev }: ChangePlace): void {
    const known = this.remembered.get(conversation);
    if (known !== undefined && rev.rev > known.rev.rev) this.remembered.set(conversation, { ...known, rev });
  }

  /** Called when a conversation has another epoch than this node knew, or is new to this node. */
  private onEpoch(
    conversation: string,
    epoch: string,
    operations: readonly AnyOperation[],
    { results, places }: BatchResult,
  ): void {
    const feed = this.feeds.get(conversation)?.feed;
    if (feed?.isOpen !== true) {
      this.remembered.set(conversation, { seq: 0, at: 0, epoch, rev: NO_CHANGES });
      return;
    }
    if (feed.epoch === epoch) return;
    const index = results.findIndex(
      ({ outcome }, i) => outcome === "stored" && operations[i]!.request.conversation === conversation,
    );
    const first = results[index];
    const { rev, at: revAt } = places?.get(index)?.rev ?? NO_CHANGES;
    if (first !== undefined && "seq" in first) feed.changeEpoch({ epoch, seq: first.seq - 1, rev, revAt });
    else feed.check();
  }

  private reply({ done }: AnyOperation, result: BatchResult["results"][number]): void {
    try {
      (done as (answer: typeof result) => void)(result);
    } catch (error) {
      // An error in one reply must not keep the others from being sent: their messages are stored.
      this.deps.emit("engine.listener_failed", { error: String(error) });
    }
  }
}

/** Whether an operation may store something that the subscriptions are sent. */
function isStoring(kind: AnyOperation["kind"]): boolean {
  return kind === "post" || kind === "end" || kind === "change";
}

/** The entry that an operation has stored. */
function storedEntry(operation: AnyOperation, result: RedisResult): Entry | undefined {
  if (result.outcome !== "stored") return undefined;
  if ("entry" in result) return result.entry;
  return operation.kind === "post" ? entryOf(operation.request, result.seq, result.at) : undefined;
}
