import { type Ack, type Conversation, ParleyError, type Stream, startStream } from "../../client/index.ts";
import { pipedText } from "./piped-text.ts";

export interface PipeStreamDeps {
  readonly conversation: Conversation;
  /** Called when the first text is there, with the id of the message. */
  readonly onStart: (id: string) => void;
  /** The message is stored. `milliseconds`: from the end of the input to the ack. */
  readonly onStored: (ack: Ack, milliseconds: number) => void;
  /** The server refused the message, or takes no more text of it. */
  readonly onRefused: (error: unknown, id: string) => void;
  /** Called with a line for people, which says why the text is not complete. */
  readonly note: (line: string) => void;
}

/** A pipe that is sent as one message, which others read while it grows. */
export interface PipeStream {
  /** Resolves with whether all of the pipe is stored, once the message has ended. */
  readonly ended: Promise<boolean>;
  /** Ends the message as `failed`; resolves when it is stored, or after some seconds. */
  interrupt(): Promise<void>;
}

/**
 * A Ctrl+C ends the whole pipeline, so that the end of the input may come just before the signal: for so long, in milliseconds,
 * the end waits for it.
 */
const SIGNAL_GRACE_MS = 100;

/** How long an interrupted chat waits for the end of its message, in milliseconds. */
const END_TIMEOUT_MS = 2_000;

class Interrupted extends Error {}

/** Sends `input` as one message. An input without text sends none. */
export function pipeStream(input: AsyncIterable<Uint8Array>, deps: PipeStreamDeps): PipeStream {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  interrupted.catch(() => {});
  const ended = sendAll(untilInterrupted(pipedText(input), interrupted), deps);
  return {
    ended,
    async interrupt() {
      reject(new Interrupted("Interrupted"));
      await Promise.race([ended, Bun.sleep(END_TIMEOUT_MS)]);
    },
  };
}

/** Yields the texts, and throws as soon as it is interrupted. */
async function* untilInterrupted(
  texts: AsyncGenerator<string, void>,
  interrupted: Promise<never>,
): AsyncGenerator<string, void> {
  for (;;) {
    const { value, done } = await Promise.race([texts.next(), interrupted]);
    if (done) break;
    yield value!;
  }
  await Promise.race([Bun.sleep(SIGNAL_GRACE_MS), interrupted]);
}

async function sendAll(texts: AsyncGenerator<string, void>, deps: PipeStreamDeps): Promise<boolean> {
  const { conversation, onStart, onStored, onRefused, note } = deps;
  let stream: Stream | undefined;
  let endedAt = performance.now();
  try {
    const first = await texts.next();
    if (first.done) return true;
    stream = startStream(conversation);
    onStart(stream.id);
    const { signal } = stream;
    const ack = await stream.pipe(
      (async function* () {
        yield first.value;
        yield* texts;
        endedAt = performance.now();
      })(),
    );
    onStored(ack, performance.now() - endedAt);
    if (!signal.aborted) return true;
    if (signal.reason?.code === "cancelled") note("Asked to stop: the rest of the input is not sent.");
    else onRefused(signal.reason, stream.id);
  } catch (error) {
    if (error instanceof ParleyError) onRefused(error, stream!.id);
    else {
      // Its end is stored already, or this would be a refusal.
      if (stream !== undefined) onStored(await stream.end(), performance.now() - endedAt);
      const result =
        stream === undefined ? "nothing is sent" : "the message ends as failed, with the text so far";
      note(
        error instanceof Interrupted
          ? `Interrupted: ${result}.`
          : `The input cannot be read (${String(error)}): ${result}.`,
      );
    }
  }
  return false;
}
