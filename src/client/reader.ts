import type { Message } from "../protocol/server-frames.ts";
import type { HistoryPage } from "./conversation.ts";
import { createInbox, type Inbox, type Lost, type Taken } from "./inbox.ts";
import { MAX_QUEUED } from "./options.ts";

/** Where the messages of one `for await` loop wait for it. */
export interface Reader {
  readonly messages: AsyncGenerator<Message, void, void>;
  push(message: Message): void;
  /**
   * The event `lost` has said that these messages are lost: they are not looked for. With them goes what was not kept of
   * another life of the store.
   */
  lost(lost: Lost): void;
  /** Lets the loop run through what it has, and then end, with `error` where there is one. */
  end(error?: Error): void;
}

export interface ReaderPort {
  /** Reads the oldest messages after `seq` from the server. */
  readAfter(seq: number): Promise<HistoryPage>;
  lost(lost: Lost): void;
  ended(): void;
}

/**
 * Keeps the messages of one loop. One that is slower than the conversation has `MAX_QUEUED` messages waiting; what comes
 * then is not kept, but read again from the server when the loop has come so far.
 */
export function createReader({ readAfter, lost, ended }: ReaderPort): Reader {
  const queue: Message[] = [];
  /** Finds what was not kept, as it finds what a line has lost. */
  let inbox: Inbox | undefined;
  /** The newest message that was not kept. */
  let missed: Message | undefined;
  let end: { readonly error: unknown } | undefined;
  let wake = () => {};

  function stop(error?: unknown): void {
    end ??= { error };
    wake();
  }

  async function take(mine: Inbox, { told, readAfter: after }: Taken): Promise<void> {
    // Forgotten meanwhile: this belongs to another life of the store.
    if (mine !== inbox) return;
    for (const item of told) {
      if ("lost" in item) lost(item.lost);
      else queue.push(item.message);
    }
    wake();
    if (after === undefined) return;
    try {
      const { messages, more } = await readAfter(after);
      await take(mine, mine.page(messages, more));
    } catch (error) {
      stop(error);
    }
  }

  async function* run(): AsyncGenerator<Message, void, void> {
    try {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else if (end?.error !== undefined) throw end.error;
        else if (end !== undefined) return;
        else if (missed !== undefined) {
          const last = missed;
          missed = undefined;
          await take(inbox!, inbox!.message(last));
        } else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      ended();
    }
  }

  return {
    messages: run(),
    push(message) {
      inbox ??= createInbox({ seq: message.seq - 1, epoch: "" });
      if (missed !== undefined || queue.length >= MAX_QUEUED) missed = message;
      else void take(inbox, inbox.message(message));
    },
    lost(lost) {
      // A loop that is behind finds what is left of a range when it reads on.
      if ("epoch" in lost || (!missed && !inbox?.isBehind())) inbox = missed = undefined;
    },
    end: stop,
  };
}
