import type { Entry } from "../../../core/conversation/entry.ts";
import { relationOf } from "../../../core/conversation/epoch.ts";
import type { EntryListener, Head, Subscription } from "../../../core/ports/message-log.ts";
import { ChangeQueue } from "../changes/change-queue.ts";
import type { ChangeAnnouncement, Rev } from "../changes/encoding.ts";
import type { KnownHead } from "./batch.ts";
import type { FeedHead, FeedStore, FeedView, KnownOfFeed, PendingReply, Waiting } from "./feed-store.ts";
import { type Announcement, decodeRecord } from "./message-encoding.ts";

/** The longest gap that is normal because two connections are read one after the other, in milliseconds. */
const GAP_TIMEOUT_MS = 5;

/**
 * A conversation with subscriptions on this node. Entries arrive from three sources, in no fixed order: in the replies to this
 * node's posts, in announcements of other nodes, and by reads of missing entries from the store. They are delivered in the order
 * of `seq`, each once and without holes (D1, D5).
 */
export class OrderedFeed implements FeedView {
  lastDelivered = 0;
  epoch = "";
  /** The time of that message; 0 if it is not known. */
  private lastDeliveredAt = 0;
  /**
   * The last message that was delivered before the connection was lost, until the store has shown that it still has it. Until
   * then, other nodes may already have stored messages beyond that `seq` in a store that has lost messages.
   */
  private unverified: Pick<KnownHead, "seq" | "at" | "rev"> | undefined;
  isOpen = false;
  private subscriptions: readonly FeedSubscription[] = [];
  private pendingReplies: PendingReply[] = [];
  /** Calls of `waitUntilDelivered`. */
  private waiting: Waiting[] = [];
  /** Entries that this node has and that wait for missing ones before them. */
  private readonly outOfOrder = new Map<number, Entry>();
  /** Announcements that arrived before the feed was open. */
  private receivedBeforeOpen: (() => void)[] = [];
  private readonly changes = new ChangeQueue();
  /** The newest `seq` that is known to exist. */
  private newest = 0;
  /**
   * Batches of this node that may store entries here and whose replies are not all sent, the oldest first. There can be several,
   * because the next batch begins earlier. `before` is the newest `seq` that was known when the batch began or was in a reply since,
   * and `beforeRev` the newest change.
   */
  private batchesInFlight: { readonly batch: number; before: number; beforeRev: number }[] = [];
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
    this.changes.reset({ rev: head.rev, at: head.revAt });
    this.isOpen = true;
    const announcements = this.receivedBeforeOpen;
    this.receivedBeforeOpen = [];
    for (const receive of announcements) receive();
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
      this.receivedBeforeOpen.push(() => this.receive(announcement));
      return;
    }
    const { epoch, first, last, at, records, rev } = announcement;
    if (epoch !== this.epoch) this.changeEpoch({ epoch, seq: first - 1, rev });
    if (last <= this.lastDelivered) return;
    this.newest = Math.max(this.newest, last);
    if (rev > 0) for (let seq = first; seq <= last; seq++) this.changes.addMessage(seq, rev);
    for (const [i, record] of records.split("\n").entries())
      if (first + i > this.lastDelivered) this.outOfOrder.set(first + i, decodeRecord(record, first + i, at));
    this.advance();
  }

  /** Called when another node has announced changes. */
  receiveChanges(announcement: ChangeAnnouncement): void {
    if (!this.isOpen) {
      this.receivedBeforeOpen.push(() => this.receiveChanges(announcement));
      return;
    }
    const { epoch, after, changes } = announcement;
    if (epoch !== this.epoch) this.changeEpoch({ epoch, seq: after, rev: changes[0]!.rev - 1 });
    this.newest = Math.max(this.newest, after);
    if (changes.some((change) => this.changes.contradicts(change))) this.check();
    for (const change of changes) this.changes.add(change, after);
    this.advance();
  }

  /**
   * Called when a batch of this node begins that may store entries here. Later entries are delivered after the replies of the
   * batch, because a sender must not get a message before the ack of an earlier message of its own.
   */
  beginBatch(batch: number): void {
    if (this.batchesInFlight.at(-1)?.batch !== batch)
      this.batchesInFlight.push({ batch, before: this.newest, beforeRev: this.changes.newest });
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
      reply.send(true);
      return;
    }
    const { seq, rev, change, entry } = reply;
    this.newest = Math.max(this.newest, seq);
    const batch = this.batchesInFlight[0];
    if (batch !== undefined) batch.before = Math.max(batch.before, seq);
    if (rev > 0) {
      if (batch !== undefined) batch.beforeRev = Math.max(batch.beforeRev, rev);
      if (entry !== undefined) this.changes.addMessage(seq, rev);
      if (change !== undefined) this.changes.add(change, seq);
    }
    this.pendingReplies.push(reply);
    this.advance();
  }

  /** Resolves with true when all entries up to `seq` and changes up to `rev` were delivered, and with false if that is not possible now. */
  waitUntilDelivered(seq: number, rev: number): Promise<boolean> {
    if (this.ended || (seq <= this.lastDelivered && rev <= this.lastRev.rev)) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.waiting.push({ seq, rev, resolve });
    this.newest = Math.max(this.newest, seq);
    this.changes.note(rev);
    this.advance();
    return promise;
  }

  /** Checks whether the store has entries that were not announced, or has lost some that were. */
  async check(): Promise<void> {
    if (!this.isOpen || this.ended) return;
    const { epoch, unverified } = this;
    const head = await this.store.head(this.conversation, this.known);
    // The reply may be of an earlier epoch.
    if (head === undefined || this.ended || epoch !== this.epoch) return;
    if (head.epoch !== this.epoch) this.changeEpoch(head);
    else {
      if (this.unverified === unverified) this.unverified = undefined;
      this.newest = Math.max(this.newest, head.seq);
      this.changes.note(head.rev);
    }
    this.advance();
  }

  /** Reads missed entries. Resolves when they were delivered, or if that is not possible now. */
  async catchUp(): Promise<void> {
    this.markUnverified();
    await this.check();
    await this.waitUntilDelivered(this.newest, this.changes.newest);
  }

  /** The message that the store must have; if it lacks it, it has lost messages. */
  get known(): KnownOfFeed {
    const { seq, at, rev } = this.unverified ?? this.newestDelivered;
    return { seq, at, rev, epoch: this.epoch };
  }

  /** The newest change that was delivered. */
  get lastRev(): Rev {
    return this.changes.last;
  }

  private get newestDelivered(): Pick<KnownHead, "seq" | "at" | "rev"> {
    return { seq: this.lastDelivered, at: this.lastDeliveredAt, rev: this.lastRev };
  }

  /** Called when the connection is lost: after that, the store may lack messages. */
  markUnverified(): void {
    if (this.isOpen) this.unverified ??= this.newestDelivered;
  }

  /**
   * Called when the conversation was removed (MB6), when the store has lost messages, or when this node cannot deliver some any
   * more (D5). The next message follows `head.seq`.
   */
  changeEpoch(
    head: Pick<Head, "seq" | "epoch" | "rev"> & { readonly at?: number; readonly revAt?: number },
  ): void {
    if (this.ended) return;
    if (relationOf(this.epoch, head.epoch) !== "removed") this.logMessagesLost(head.seq);
    this.lastDelivered = head.seq;
    this.lastDeliveredAt = head.at ?? 0;
    this.unverified = undefined;
    this.newest = head.seq;
    this.epoch = head.epoch;
    this.outOfOrder.clear();
    this.changes.reset({ rev: head.rev, at: head.revAt ?? 0 });
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
    for (const reply of replies) reply.send(true);
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
        next.send(true);
        continue;
      }
      if (!this.changes.isIdle && this.deliverChange()) continue;
      const entry = this.outOfOrder.get(this.lastDelivered + 1);
      if (entry === undefined || entry.seq > (this.batchesInFlight[0]?.before ?? entry.seq)) break;
      if (!this.changes.allows(entry.seq)) break;
      this.deliver(entry);
    }
    if (this.ended || this.filling || !this.hasGap()) return;
    this.timer ??= setTimeout(() => this.fill(), GAP_TIMEOUT_MS);
  }

  /** Whether the entry or change that must be delivered next is missing. */
  private hasGap(): boolean {
    return this.lacksEntry() || this.changes.hasGap;
  }

  private lacksEntry(): boolean {
    return this.newest > this.lastDelivered && !this.outOfOrder.has(this.lastDelivered + 1);
  }

  private canSend({ seq, entry, rev, change }: PendingReply): boolean {
    if (change !== undefined) return seq <= this.lastDelivered && rev <= this.lastRev.rev;
    if (seq <= this.lastDelivered) return true;
    return seq === this.lastDelivered + 1 && entry !== undefined && this.changes.allows(seq);
  }

  /** Delivers the next change or fold, if it can be delivered now. */
  private deliverChange(): boolean {
    const { changes, lastDelivered } = this;
    const upTo = this.batchesInFlight[0]?.beforeRev ?? Number.POSITIVE_INFINITY;
    const next = changes.take(lastDelivered, upTo) ?? changes.takeFold(lastDelivered);
    if (next === undefined) return false;
    changes.advance("changed" in next ? next.rev : { rev: next.rev, at: next.at });
    this.guarded(() => this.store.onChange(this, next));
    if (this.waiting.length > 0) this.resolveWaiting(true, lastDelivered);
    return true;
  }

  private deliver(entry: Entry): void {
    this.lastDelivered = entry.seq;
    this.lastDeliveredAt = entry.at;
    this.outOfOrder.delete(entry.seq);
    if (this.lastRev.rev > 0 || !this.changes.isIdle) this.changes.delivered(entry.seq);
    for (const subscription of this.subscriptions) this.guarded(() => subscription.deliver(entry));
    if (this.waiting.length > 0) this.resolveWaiting(true, entry.seq);
  }

  private resolveWaiting(isDelivered: boolean, upTo = Number.POSITIVE_INFINITY): void {
    const waiting = this.waiting;
    const isDue = ({ seq, rev }: Waiting) =>
      seq <= upTo && (rev <= this.lastRev.rev || upTo === Number.POSITIVE_INFINITY);
    this.waiting = waiting.filter((each) => !isDue(each));
    for (const each of waiting) if (isDue(each)) each.resolve(isDelivered);
  }

  /** Reads missing entries from the store, except those that have arrived meanwhile. */
  private async fill(): Promise<void> {
    this.timer = undefined;
    if (!this.hasGap() || this.ended) return;
    this.filling = true;
    while (this.hasGap() && !this.ended) {
      if (!this.lacksEntry()) {
        if (!(await this.fillChanges())) break;
        continue;
      }
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

  /** Reads missing changes. Returns false if that is not possible now. */
  private async fillChanges(): Promise<boolean> {
    const { epoch } = this;
    const fold = await this.store.changes(this.conversation, this.lastRev.rev);
    if (this.ended) return false;
    if (epoch !== this.epoch) return true;
    if (fold === undefined || fold.rev.rev <= this.lastRev.rev) {
      // The store cannot be read, or has lost them, which `check` finds.
      if (fold === undefined) this.rejectReplies();
      else this.check();
      return false;
    }
    this.newest = Math.max(this.newest, fold.after);
    this.changes.fold = fold;
    this.advance();
    return true;
  }

  private rejectReplies(): void {
    const replies = this.pendingReplies;
    this.pendingReplies = [];
    for (const reply of replies) reply.send(reply.seq === 0);
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
  readonly rev: number;
  private stopped = false;

  constructor(
    private readonly feed: OrderedFeed,
    private readonly listener: EntryListener,
  ) {
    ({ lastDelivered: this.seq, epoch: this.epoch } = feed);
    this.rev = feed.lastRev.rev;
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
