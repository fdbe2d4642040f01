import { Multimap } from "../../../core/collections/multimap.ts";
import type { Entry } from "../../../core/conversation/entry.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { EntryListener, Head, Subscription } from "../../../core/ports/message-log.ts";

/** The subscriptions to each conversation. */
export class Subscriptions {
  private readonly all = new Multimap<SqliteSubscription>();

  constructor(private readonly emit: Emit) {}

  /** Calls `listener` for entries above `head.seq` from now on. */
  add(conversation: string, head: Omit<Head, "first">, listener: EntryListener): Subscription {
    const subscription = new SqliteSubscription(head, conversation, listener, this.all);
    this.all.add(conversation, subscription);
    return subscription;
  }

  has(conversation: string): boolean {
    return this.all.has(conversation);
  }

  /** Calls every listener of a conversation. An error of one does not keep the others from being called. */
  deliver(conversation: string, entry: Entry): void {
    for (const subscription of this.all.of(conversation)) {
      try {
        subscription.deliver(entry);
      } catch (error) {
        this.emit("engine.listener_failed", { error: String(error) });
      }
    }
  }
}

/** A class, because there is one for each subscription, and closures take more memory. */
class SqliteSubscription implements Subscription {
  /** Entries up to this `seq` are not delivered. Infinity after `stop`: a field less for each subscription. */
  seq: number;
  readonly epoch: string;
  readonly rev: number;

  constructor(
    { seq, epoch, rev }: Omit<Head, "first">,
    private readonly conversation: string,
    private readonly listener: EntryListener,
    private readonly all: Multimap<SqliteSubscription>,
  ) {
    this.seq = seq;
    this.epoch = epoch;
    this.rev = rev;
  }

  /**
   * Skips entries up to the `seq` of the subscription: a subscription that began during the delivery of a batch is also called
   * for the rest of that batch, which its `seq` includes.
   */
  deliver(entry: Entry): void {
    if (entry.seq > this.seq) this.listener(this.conversation, entry);
  }

  stop(): void {
    this.seq = Number.POSITIVE_INFINITY;
    this.all.remove(this.conversation, this);
  }
}
