import type { Listening, MessageListener } from "../../core/engine.ts";
import type { Message } from "../../protocol/server-frames.ts";
import type { EngineLog } from "../engine-log.ts";

/** Who hears of each conversation's messages. */
export class Listenings {
  private readonly all = new Map<string, readonly SqliteListening[]>();

  constructor(private readonly log: EngineLog) {}

  /** Begins to tell `listener` of messages above `seq`. */
  add(conversation: string, seq: number, epoch: string, listener: MessageListener): Listening {
    const listening = new SqliteListening(seq, epoch, conversation, listener, this.all);
    this.all.set(conversation, [...(this.all.get(conversation) ?? []), listening]);
    return listening;
  }

  has(conversation: string): boolean {
    return this.all.has(conversation);
  }

  /** Tells everybody who listens. A listener's fault must not keep the others from hearing. */
  tell(conversation: string, message: Message): void {
    for (const listening of this.all.get(conversation) ?? []) {
      try {
        listening.tell(message);
      } catch (error) {
        this.log.error("engine.listener_failed", { error: String(error) });
      }
    }
  }
}

/** A class, because there is one for each conversation in use, and closures are dear. */
class SqliteListening implements Listening {
  private stopped = false;

  constructor(
    readonly seq: number,
    readonly epoch: string,
    private readonly conversation: string,
    private readonly listener: MessageListener,
    private readonly all: Map<string, readonly SqliteListening[]>,
  ) {}

  /** Whoever began to listen while a batch was told hears the end of that batch here: it is in their `seq` already. */
  tell(message: Message): void {
    if (message.seq > this.seq && !this.stopped) this.listener(this.conversation, message);
  }

  stop(): void {
    this.stopped = true;
    const others = this.all.get(this.conversation)?.filter((other) => other !== this) ?? [];
    if (others.length > 0) this.all.set(this.conversation, others);
    else this.all.delete(this.conversation);
  }
}
