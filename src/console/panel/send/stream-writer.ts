// Writes a text as a stream, so many tokens a second.
import { type Ack, type Conversation, startStream, watchMessages } from "../../../client/index.ts";
import { dueNow } from "./series-schedule.ts";

/** How often due tokens are written, in milliseconds. */
const WRITE_INTERVAL_MS = 40;

/** What is written, as in a frame `message`. */
export interface StreamText {
  readonly id: string;
  readonly text: string;
  readonly data?: Record<string, unknown>;
  readonly reply_to?: number;
}

/** A stream that is being written. */
export interface RunningStream {
  readonly total: number;
  /** Tokens that were written. */
  written(): number;
  /** Asks the writer to stop, as every other user does. */
  stop(): void;
  /** Resolves with the ack of its message; rejects with the refusal. */
  readonly ended: Promise<Ack>;
}

/** Writes `text` into a conversation; `rate`: tokens a second, 0: as fast as the page can. */
export function writeStream(conversation: Conversation, text: StreamText, rate: number): RunningStream {
  const { id, data, reply_to } = text;
  const tokens = tokensOf(text.text);
  const stream = startStream(conversation, { id, data, reply_to });
  const began = performance.now();
  let written = 0;

  const ended = new Promise<Ack>((resolve, reject) => {
    const end = () => {
      clearInterval(timer);
      stream.end().then(resolve, reject);
    };
    const timer = setInterval(() => {
      const due = dueNow({ rate, count: tokens.length }, performance.now() - began, written, 0);
      // A refusal aborts the signal, and is the reason of the end.
      if (due > 0) stream.write(tokens.slice(written, written + due).join("")).catch(() => {});
      written += due;
      if (written >= tokens.length) end();
    }, WRITE_INTERVAL_MS);
    stream.signal.addEventListener("abort", end);
  });

  return {
    total: tokens.length,
    written: () => written,
    ended,
    stop() {
      const { entries } = watchMessages(conversation).getSnapshot();
      const entry = entries.find((one) => one.state === "streaming" && one.id === id);
      // In a conversation that is not shown its handle is not known here.
      if (entry === undefined) void stream.end().catch(() => {});
      else void conversation.cancel(entry).catch(() => {});
    },
  };
}

/** Returns a text in pieces as long as the tokens of a language model are, about. Together they are the text. */
export function tokensOf(text: string): readonly string[] {
  return text.match(/\s*\S{1,8}|\s+$/gu) ?? [];
}
