import type { HistoryPage } from "../../../client/history-page.ts";
import type { Message } from "../../../client/message.ts";
import { MAX_QUEUED } from "../../../client/options.ts";
import { createInbox, type Inbox, type InboxOutput, type Lost } from "./inbox.ts";

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
  /** Reads the messages that were not kept, just as the conversation's inbox reads missed ones. */
  let inbox: Inbox | undefined;
  /** The newest message that was not kept. */
  let missed: Message | undefined;
  /** Messages that were not kept are being read. */
  let isReading = false;
  let end: { error: unknown } | undefined;

  /** Settles waiting calls, as far as messages or the end are available. */
  function settle(): void {
    while (waiting.length > 0) {
      const value = queue.shift();
      if (value !== undefined) waiting.shift()!.resolve({ value, done: false });
      else if (end !== undefined) {
        const { error } = end;
        // An iterator throws once, and is done from then on.
        end = { error: undefined };
        const { resolve, reject } = waiting.shift()!;
        if (error === undefined) resolve({ value: undefined, done: true });
        else reject(error);
      } else if (missed !== undefined && !isReading) {
        const last = missed;
        missed = undefined;
        isReading = true;
        void enqueue(inbox!, inbox!.message(last)).then(() => {
          isReading = false;
          settle();
        });
      } else return;
    }
  }

  function stop(error?: unknown): void {
    end ??= { error };
    onEnd();
    settle();
  }

  async function enqueue(mine: Inbox, { items, readAfter: after }: InboxOutput): Promise<void> {
    // The inbox was replaced meanwhile: this belongs to the old epoch.
    if (mine !== inbox) return;
    for (const item of items) {
      if ("lost" in item) lost(item.lost);
      else queue.push(item.message);
    }
    settle();
    if (after === undefined) return;
    try {
      const { messages, more } = await readAfter(after);
      await enqueue(mine, mine.page(messages, more));
    } catch (error) {
      stop(error);
    }
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
        inbox = missed = undefined;
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
      inbox ??= createInbox({ seq: message.seq - 1, epoch: "" });
      if (missed !== undefined || queue.length >= MAX_QUEUED) missed = message;
      else void enqueue(inbox, inbox.message(message));
    },
    lost(lost) {
      // A loop that is behind reads what remains of a lost range when it gets there.
      if ("epoch" in lost || (!missed && !inbox?.isBehind())) inbox = missed = undefined;
    },
    end: stop,
  };
}
