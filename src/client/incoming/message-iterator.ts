import type { HistoryPage } from "../history-page.ts";
import type { Message } from "../message.ts";
import { MAX_QUEUED } from "../options.ts";
import { createInbox, type Inbox, type InboxOutput, type Lost } from "./inbox.ts";

/** Where the messages of one `for await` loop wait for it. */
export interface MessageIterator {
  readonly messages: AsyncIterableIterator<Message>;
  push(message: Message): void;
  /**
   * The event `lost` has said that these messages are lost: they are not looked for. With them goes what was not kept of
   * another life of the store.
   */
  lost(lost: Lost): void;
  /** Lets the loop run through what it has, and then end, with `error` where there is one. */
  end(error?: Error): void;
}

export interface MessageIteratorDeps {
  /** Reads the oldest messages after `seq` from the server. */
  readAfter(seq: number): Promise<HistoryPage>;
  lost(lost: Lost): void;
  onEnd(): void;
}

/**
 * Keeps the messages of one loop. One that is slower than the conversation has `MAX_QUEUED` messages waiting; what comes
 * then is not kept, but read again from the server when the loop has come so far.
 *
 * It is no async generator: the `return()` of one waits for the message that its `next()` waits for.
 */
export function createMessageIterator({ readAfter, lost, onEnd }: MessageIteratorDeps): MessageIterator {
  let queue: Message[] = [];
  /** Calls of `next` that have no answer yet, the oldest first. */
  const waiting: {
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: unknown): void;
  }[] = [];
  /** Finds what was not kept, as it finds what a line has lost. */
  let inbox: Inbox | undefined;
  /** The newest message that was not kept. */
  let missed: Message | undefined;
  /** What was not kept is being read. */
  let isReading = false;
  let end: { error: unknown } | undefined;

  /** Settles the calls that wait, as far as there is something for them. */
  function settle(): void {
    while (waiting.length > 0) {
      const value = queue.shift();
      if (value !== undefined) waiting.shift()!.resolve({ value, done: false });
      else if (end !== undefined) {
        const { error } = end;
        // An iterator fails once, and is done from then on.
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
    // Forgotten meanwhile: this belongs to another life of the store.
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
      // The loop is over, whatever is there for it.
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
      // A loop that is behind finds what is left of a range when it reads on.
      if ("epoch" in lost || (!missed && !inbox?.isBehind())) inbox = missed = undefined;
    },
    end: stop,
  };
}
