import type { Entry } from "../../../core/conversation/entry.ts";
import { relationOf } from "../../../core/conversation/epoch.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { EntryListener, Head, Subscription } from "../../../core/ports/message-log.ts";
import type { KnownHead } from "./batch.ts";
import { type Announcement, decodeRecord } from "./message-encoding.ts";

/** The newest `seq` and the epoch of a conversation, and the time of its newest message. */
export interface FeedHead extends Head {
  readonly at: number;
}

/** The reads of a feed. Both resolve with undefined if the store cannot be read now, and MUST NOT reject. */
export interface FeedStore {
  /** Reads the head of the conversation. If the store lacks the `known` message, the conversation begins a new epoch. */
  head(conversation: string, known: Pick<KnownHead, "seq" | "at" | "epoch">): Promise<FeedHead | undefined>;
  /** Reads some of the oldest entries with first ≤ seq ≤ last. */
  read(conversation: string, first: number, last: number): Promise<readonly Entry[] | undefined>;
  /** Called when the last subscription of the feed has ended. */
  onEnded(feed: OrderedFeed): void;
  /**
   * Called when the conversation has another epoch: delivered messages may be gone, or it was removed. The next message follows
   * `feed.lastDelivered`.
   */
  onEpochChanged(feed: OrderedFeed): void;
  readonly emit: Emit;
}

/** A reply to a request of this node. It is sent after the message that it belongs to, and after those before it. */
export interface PendingReply {
  /** The `seq` of the message that it belongs to; 0 for none. */
  readonly seq: number;
  /** The entry, if this request has stored it. */
  readonly entry: Entry | undefined;
  send(): void;
  /** Called instead of `send` if the message cannot be delivered; the sender may try again. */
  reject(): void;
}

/** The longest gap that is normal because two connections are read one after the other, in milliseconds. */
const GAP_TIMEOUT_MS = 5;

/**
 * A conversation with subscriptions on this node. Entries arrive from three sources, in no fixed order: in the replies to this
 * node's posts, in announcements of other nodes, and by reads of missing entries from the store. They are delivered in the order
 * of `seq`, each once and without holes (D1, D5).
 */
export class OrderedFeed {
  /** The newest `seq` that was delivered. */
  lastDelivered = 0;
  epoch = "";
  /** The time of that message; 0 if it is not known. */
  private lastDeliveredAt = 0;
  /**
   * The last message that was delivered before the connection was lost, until the store has shown that it still has it. Until
   * then, other nodes may already have stored messages beyond that `seq` in a store that has lost messages.
   */
  private unverified: Pick<KnownHead, "seq" | "at"> | undefined;
  isOpen = false;
  private subscriptions: readonly FeedSubscription[] = [];
  private pendingReplies: PendingReply[] = [];
  /** Calls of `waitUntilDelivered`. */
  private waiting: { readonly seq: number; readonly resolve: (isDelivered: boolean) => void }[] = [];
  /** Entries that this node has and that wait for missing ones before them. */
  private readonly outOfOrder = new Map<number, Entry>();
  /** Announcements that arrived before the feed was open. */
  private receivedBeforeOpen: Announcement[] = [];
  /** The newest `seq` that is known to exist. */
  private newest = 0;
  /**
   * Batches of this node that may store entries here and whose replies are not all sent, the oldest first. There can be several,
   * because the next batch begins earlier. `before` is the newest `seq` that was known when the batch began or was in a reply since.
   */
  private batchesInFlight: { readonly batch: number; before: number }[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private filling = false;
  private ended = false;

  constructor(
    readonly conversation: string,
    private readonly store: FeedStore,
  ) {}

  /** From now on entries above `head.seq` are delivered. */
  open(head: FeedHead): void {
    this.lastDelivered = head.seq;
    this.lastDeliveredAt = head.at;
    this.newest = head.seq;
    this.epoch = head.epoch;
    this.isOpen = true;
    const announcements = this.receivedBeforeOpen;
    this.receivedBeforeOpen = [];
    for (const announcement of announcements) this.receive(announcement);
    this.advance();
  }

  add(listener: EntryListener): Subscription {
    const subscription = new FeedSubscription(this, listener);
    this.subscriptions = [...this.subscriptions, subscription];
    return subscription;
  }

  remove(subscription: FeedSubscription): void {
    this.subscriptions = this.subscriptions.filter((other) => other !== subscription);
    if (this.subscriptions.length === 0) this.end();
  }

  /** Called when this node or another has announced entries. */
  receive(announcement: Announcement): void {
    if (!this.isOpen) {
      this.receivedBeforeOpen.push(announcement);
      return;
    }
    const { epoch, first, last, at, records } = announcement;
    if (epoch !== this.epoch) this.changeEpoch({ epoch, seq: first - 1 });
    if (last <= this.lastDelivered) return;
    this.newest = Math.max(this.newest, last);
    for (const [i, record] of records.split("\n").entries())
      if (first + i > this.lastDelivered) this.outOfOrder.set(first + i, decodeRecord(record, first + i, at));
    this.advance();
  }

  /**
   * Called when a batch of this node begins that may store entries here. Later entries are delivered after the replies of the
   * batch, because a sender must not get a message before the ack of an earlier message of its own.
   */
  beginBatch(batch: number): void {
    if (this.batchesInFlight.at(-1)?.batch !== batch)
      this.batchesInFlight.push({ batch, before: this.newest });
  }

  /** Called when all replies of a batch were added; no entry waits for the batch any more. */
  endBatch(batch: number): void {
    if (this.batchesInFlight[0]?.batch !== batch) return;
    this.batchesInFlight.shift();
    this.advance();
  }

  /** Sends a reply to a request of this node; at once if no entry is missing before it. */
  addReply(reply: PendingReply): void {
    if (this.ended) {
      reply.send();
      return;
    }
    this.newest = Math.max(this.newest, reply.seq);
    const batch = this.batchesInFlight[0];
    if (batch !== undefined) batch.before = Math.max(batch.before, reply.seq);
    this.pendingReplies.push(reply);
    this.advance();
  }

  /** Resolves with true when all entries up to `seq` were delivered, and with false if that is not possible now. */
  waitUntilDelivered(seq: number): Promise<boolean> {
    if (this.ended || seq <= this.lastDelivered) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.waiting.push({ seq, resolve });
    this.newest = Math.max(this.newest, seq);
    this.advance();
    return promise;
  }

  /** Checks whether the store has entries that were not announced, or has lost some that were. */
  async check(): Promise<void> {
    if (!this.isOpen || this.ended) return;
    const { epoch, unverified } = this;
    const head = await this.store.head(this.conversation, this.known);
    // If another epoch has begun meanwhile, the reply is out of date.
    if (head === undefined || this.ended || epoch !== this.epoch) return;
    if (head.epoch !== this.epoch) this.changeEpoch(head);
    else {
      if (this.unverified === unverified) this.unverified = undefined;
      this.newest = Math.max(this.newest, head.seq);
    }
    this.advance();
  }

  /** Reads missed entries. Resolves when they were delivered, or if that is not possible now. */
  async catchUp(): Promise<void> {
    this.markUnverified();
    await this.check();
    await this.waitUntilDelivered(this.newest);
  }

  /** The message that the store must have; if it lacks it, it has lost messages. */
  get known(): Pick<KnownHead, "seq" | "at" | "epoch"> {
    const { seq, at } = this.unverified ?? { seq: this.lastDelivered, at: this.lastDeliveredAt };
    return { seq, at, epoch: this.epoch };
  }

  /** Called when the connection is lost: after that, the store may lack messages. */
  markUnverified(): void {
    if (this.isOpen) this.unverified ??= { seq: this.lastDelivered, at: this.lastDeliveredAt };
  }

  /**
   * Called when the conversation was removed (MB6), when the store has lost messages, or when this node cannot deliver some any
   * more (D5). The next message follows `head.seq`.
   */
  changeEpoch(head: Pick<Head, "seq" | "epoch"> & { readonly at?: number }): void {
    if (this.ended) return;
    if (relationOf(this.epoch, head.epoch) !== "removed") this.logMessagesLost(head.seq);
    this.lastDelivered = head.seq;
    this.lastDeliveredAt = head.at ?? 0;
    this.unverified = undefined;
    this.newest = head.seq;
    this.epoch = head.epoch;
    this.outOfOrder.clear();
    this.rejectReplies();
    this.store.onEpochChanged(this);
  }

  private logMessagesLost(now: number): void {
    this.store.emit("store.messages_lost", {
      conversation: this.conversation,
      last_delivered: this.lastDelivered,
      last_stored: now,
      advice:
        "Redis has lost messages, or this node could not get them in time. The clients in the conversation are notified when they come back.",
    });
  }

  /** Delivers nothing more; sends all replies and resolves all waiting calls. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    this.store.onEnded(this);
    const replies = this.pendingReplies;
    this.pendingReplies = [];
    for (const reply of replies) reply.send();
    this.resolveWaiting(true);
  }

  /** Delivers entries and sends replies as far as possible now, and starts the read of missing entries. */
  private advance(): void {
    if (!this.isOpen) return;
    while (!this.ended) {
      const next = this.pendingReplies[0];
      if (next !== undefined && this.canSend(next)) {
        this.pendingReplies.shift();
        if (next.seq === this.lastDelivered + 1) this.deliver(next.entry!);
        next.send();
        continue;
      }
      const entry = this.outOfOrder.get(this.lastDelivered + 1);
      if (entry === undefined || entry.seq > (this.batchesInFlight[0]?.before ?? entry.seq)) break;
      this.deliver(entry);
    }
    if (this.ended || this.filling || !this.hasGap()) return;
    this.timer ??= setTimeout(() => this.fill(), GAP_TIMEOUT_MS);
  }

  /** Whether the entry that must be delivered next is missing. */
  private hasGap(): boolean {
    return this.newest > this.lastDelivered && !this.outOfOrder.has(this.lastDelivered + 1);
  }

  private canSend({ seq, entry }: PendingReply): boolean {
    return seq <= this.lastDelivered || (seq === this.lastDelivered + 1 && entry !== undefined);
  }

  private deliver(entry: Entry): void {
    this.lastDelivered = entry.seq;
    this.lastDeliveredAt = entry.at;
    this.outOfOrder.delete(entry.seq);
    for (const subscription of this.subscriptions) this.guarded(() => subscription.deliver(entry));
    if (this.waiting.length > 0) this.resolveWaiting(true, entry.seq);
  }

  private resolveWaiting(isDelivered: boolean, upTo = Number.POSITIVE_INFINITY): void {
    const waiting = this.waiting;
    this.waiting = waiting.filter(({ seq }) => seq > upTo);
    for (const { seq, resolve } of waiting) if (seq <= upTo) resolve(isDelivered);
  }

  /** Reads missing entries from the store, except those that have arrived meanwhile. */
  private async fill(): Promise<void> {
    this.timer = undefined;
    if (!this.hasGap() || this.ended) return;
    this.filling = true;
    while (this.hasGap() && !this.ended) {
      const from = this.lastDelivered + 1;
      const { epoch } = this;
      const entries = await this.store.read(this.conversation, from, this.newest);
      if (this.ended) return;
      if (epoch !== this.epoch) continue;
      if (entries === undefined) {
        // Missing entries are read when the store is available again. That may take long, so waiting requests are refused now.
        this.rejectReplies();
        break;
      }
      // The entry was removed before it could be delivered, or the store has lost it. In both cases there is a hole.
      if (this.lastDelivered < from && entries[0]?.seq !== from) {
        const head = await this.store.head(this.conversation, this.known);
        if (head !== undefined && this.lastDelivered < from && epoch === this.epoch) this.changeEpoch(head);
        break;
      }
      for (const entry of entries) if (entry.seq > this.lastDelivered) this.outOfOrder.set(entry.seq, entry);
      this.advance();
    }
    this.filling = false;
  }

  private rejectReplies(): void {
    const replies = this.pendingReplies;
    this.pendingReplies = [];
    for (const reply of replies) {
      if (reply.seq === 0) reply.send();
      else reply.reject();
    }
    this.resolveWaiting(false);
  }

  /** An error of one listener does not keep the others from being called. */
  private guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.store.emit("engine.listener_failed", { error: String(error) });
    }
  }
}

/** A class, because there is one for each subscription, and closures take more memory. */
class FeedSubscription implements Subscription {
  readonly seq: number;
  readonly epoch: string;
  readonly rev = 0;
  private stopped = false;

  constructor(
    private readonly feed: OrderedFeed,
    private readonly listener: EntryListener,
  ) {
    this.seq = feed.lastDelivered;
    this.epoch = feed.epoch;
  }

  deliver(entry: Entry): void {
    if (!this.stopped) this.listener(this.feed.conversation, entry);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.feed.remove(this);
  }
}
