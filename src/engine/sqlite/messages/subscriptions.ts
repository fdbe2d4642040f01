import { Multimap } from "../../../core/collections/multimap.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { MessageListener, Subscription } from "../../../core/ports/message-log.ts";
import type { Message } from "../../../protocol/server-frames.ts";

/** Who hears of each conversation's messages. */
export class Subscriptions {
  private readonly all = new Multimap<SqliteSubscription>();

  constructor(private readonly emit: Emit) {}

  /** Begins to tell `listener` of messages above `seq`. */
  add(conversation: string, seq: number, epoch: string, listener: MessageListener): Subscription {
    const subscription = new SqliteSubscription(seq, epoch, conversation, listener, this.all);
    this.all.add(conversation, subscription);
    return subscription;
  }

  has(conversation: string): boolean {
    return this.all.has(conversation);
  }

  /** Tells everybody who listens. A listener's fault must not keep the others from hearing. */
  deliver(conversation: string, message: Message): void {
    for (const subscription of this.all.of(conversation)) {
      try {
        subscription.deliver(message);
      } catch (error) {
        this.emit("engine.listener_failed", { error: String(error) });
      }
    }
  }
}

/** A class, because there is one for each conversation in use, and closures are dear. */
class SqliteSubscription implements Subscription {
  private stopped = false;

  constructor(
    readonly seq: number,
    readonly epoch: string,
    private readonly conversation: string,
    private readonly listener: MessageListener,
    private readonly all: Multimap<SqliteSubscription>,
  ) {}

  /** Whoever began to listen while a batch was told hears the end of that batch here: it is in their `seq` already. */
  deliver(message: Message): void {
    if (message.seq > this.seq && !this.stopped) this.listener(this.conversation, message);
  }

  stop(): void {
    this.stopped = true;
    this.all.remove(this.conversation, this);
  }
}
