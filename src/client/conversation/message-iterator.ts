import type { HistoryPage } from "../history-page.ts";
import type { Message } from "../message.ts";
import { MAX_QUEUED } from "../options.ts";
import type { Lost } from "./sequencer.ts";

/** The message queue of one `for await` loop. */
export interface MessageIterator {
  readonly messages: AsyncIterableIterator<Message>;
  push(message: Message): void;
  /**
   * The event `lost` has reported these messages: they are not read. After a change of the epoch, skipped messages of the
   * old epoch are forgotten, too.
   */
  lost(lost: Lost): void;
  /** Lets the loop consume its queue and then end, with `error` if given. */
  end(error?: Error): void;
}

export interface MessageIteratorDeps {
  /** Reads the oldest messages after `seq` from the server. */
  readAfter(seq: number): Promise<HistoryPage>;
  lost(lost: Lost): void;
  onEnd(): void;
}

/**
 * Queues the messages of one loop. A loop that is slower than the conversation has at most `MAX_QUEUED` messages waiting;
 * further messages are not kept, but read again from the server once the loop reaches them.
 *
 * This is not an async generator: its `return()` would wait for the message that a pending `next()` waits for.
 */
export function createMessageIterator({ readAfter, lost, onEnd }: MessageIteratorDeps): MessageIterator {
  let queue: Message[] = [];
  /** Calls of `next` that are not settled yet, the oldest first. */
  const waiting: {
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: unknown): void;
  }[] = [];
  /** The newest message that was queued. */
  let seq = 0;
  /** The newest message that was not kept; 0 if all were. */
  let missed = 0;
  /** Messages that were not kept are being read. */
  let isReading = false;
  /** Counts epochs: a page of an old one is not used. */
  let epoch = 0;
  let end: { error: unknown } | undefined;

  /** Settles waiting calls, as far as messages or the end are available. */
  function settle(): void {
    while (waiting.length > 0) {
      const value = queue.shift();
      if (value === undefined && end === undefined) {
        if (missed > 0 && !isReading) void readMissed();
        return;
      }
      const { resolve, reject } = waiting.shift()!;
      if (value !== undefined) resolve({ value, done: false });
      else {
        const { error } = end!;
        // An iterator throws once, and is done from then on.
        end = { error: undefined };
        if (error === undefined) resolve({ value: undefined, done: true });
        else reject(error);
      }
    }
  }

  /** Reads what was not kept, page by page. What cannot be read any more is reported as lost. */
  async function readMissed(): Promise<void> {
    const mine = epoch;
    isReading = true;
    try {
      while (missed > seq) {
        const { messages, more } = await readAfter(seq);
        if (mine !== epoch) break;
        for (const message of messages) if (message.seq > seq) enqueue(message);
        if (messages.length === 0 && !more) skipTo(missed + 1);
        settle();
      }
      if (mine === epoch) missed = 0;
    } catch (error) {
      stop(error);
    }
    isReading = false;
    settle();
  }

  function skipTo(next: number): void {
    if (seq > 0 && next > seq + 1) lost({ first: seq + 1, last: next - 1 });
    seq = next - 1;
  }

  function enqueue(message: Message): void {
    skipTo(message.seq);
    seq = message.seq;
    queue.push(message);
  }

  function stop(error?: unknown): void {
    end ??= { error };
    onEnd();
    settle();
  }

  return {
    messages: {
      next: () =>
        new Promise((resolve, reject) => {
          waiting.push({ resolve, reject });
          settle();
        }),
      // The loop was left, even if messages are still queued.
      async return() {
        queue = [];
        end = { error: undefined };
        stop();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    },
    push(message) {
      if (end !== undefined) return;
      if (missed > 0 || queue.length >= MAX_QUEUED) missed = message.seq;
      else {
        seq = message.seq;
        queue.push(message);
        settle();
      }
    },
    lost(range) {
      if ("epoch" in range) {
        seq = missed = 0;
        epoch++;
      }
    },
    end: stop,
  };
}
