import type { Message } from "../protocol/server-frames.ts";
import type { Lost } from "./inbox.ts";
import { MAX_QUEUED } from "./options.ts";

/** Reads the oldest messages after a `seq` from the server. */
export type ReadAfter = (seq: number) => Promise<{ messages: readonly Message[]; more: boolean }>;

/**
 * The messages of one `for await` loop.
 *
 * A loop that is slower than the conversation keeps `MAX_QUEUED` messages waiting; what comes then is not kept, but read
 * again from the server when the loop has come so far.
 */
export class Reader {
  private queue: Message[] = [];
  /** The newest `seq` that was queued, or yielded. */
  private last = 0;
  /** The newest `seq` that was not kept; 0 when all were. */
  private missed = 0;
  private ended: { readonly error?: Error } | undefined;
  private wake: () => void = () => {};

  constructor(
    private readonly readAfter: ReadAfter,
    private readonly onLost: (lost: Lost) => void,
    private readonly onEnd: () => void,
  ) {}

  push(message: Message): void {
    if (this.missed > 0 || this.queue.length >= MAX_QUEUED) this.missed = message.seq;
    else this.keep(message);
    this.wake();
  }

  /** Another life of the store began: what was not kept cannot be read any more, which the event `lost` has said. */
  forgetMissed(): void {
    this.missed = 0;
  }

  /** Lets the loop run through what it has, and then end, with `error` where there is one. */
  end(error?: Error): void {
    this.ended ??= error === undefined ? {} : { error };
    this.wake();
  }

  async *messages(): AsyncGenerator<Message, void, void> {
    try {
      for (;;) {
        const next = this.queue.shift();
        if (next !== undefined) yield next;
        else if (this.ended !== undefined) {
          if (this.ended.error !== undefined) throw this.ended.error;
          return;
        } else if (this.missed > 0) await this.catchUp();
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.onEnd();
    }
  }

  private keep(message: Message): void {
    this.last = message.seq;
    this.queue.push(message);
  }

  private async catchUp(): Promise<void> {
    const before = this.missed;
    const { messages } = await this.readAfter(this.last);
    // Forgotten meanwhile: these belong to another life of the store.
    if (this.missed === 0) return;
    for (const message of messages) {
      this.loseUpTo(message.seq - 1);
      this.keep(message);
    }
    if (messages.length === 0) this.loseUpTo(before);
    if (this.last >= this.missed) this.missed = 0;
  }

  private loseUpTo(last: number): void {
    const first = this.last + 1;
    if (last < first) return;
    this.last = last;
    this.onLost({ first, last });
  }
}
