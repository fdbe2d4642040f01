import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { type Ack, type Conversation, innerOf, type Target, targetOf } from "../conversation/types.ts";
import type { AnyData } from "../message.ts";
import { newId } from "../new-id.ts";
import { ParleyError } from "../types/error.ts";
import type { RefusalFrame } from "../types/frames.ts";
import {
  hasTurn,
  jsonLength,
  NEW_STREAM,
  type StreamEffect,
  type StreamEnd,
  type StreamEvent,
  streamStep,
  unstoredLength,
} from "./step.ts";

export interface StreamOptions<Data extends object = AnyData> {
  /** The id of the stream and of its message, 1–64 printable ASCII characters; generated if not given. An open stream with it is taken over. */
  readonly id?: string | undefined;
  /** The message that it answers. */
  readonly reply_to?: Target | undefined;
  readonly data?: Data | undefined;
  /** At a takeover: drops the text of the run before, and begins again. */
  readonly restart?: boolean | undefined;
}

/** A message that others read while it is written. */
export interface Stream<Data extends object = AnyData> {
  readonly id: string;
  /** Aborts when somebody asks to stop, when another writer takes the stream over, and when it is refused. */
  readonly signal: AbortSignal;
  /** Appends text, and resolves when more may be written. Rejects after a refusal, and after `end`. `data` replaces the message's. */
  write(text: string, data?: Data): Promise<void>;
  /**
   * Appends all that `source` gives, then ends the stream; resolves with the ack. After an abort of `signal` it stops reading, and
   * ends the stream. If the source fails, the stream ends as `failed`, and the promise rejects with the source's error.
   */
  pipe(source: AsyncIterable<string> | ReadableStream<string>): Promise<Ack>;
  /** Ends the stream; resolves with the ack of its message. Rejects when the stream was refused or taken over. */
  end(end?: StreamEnd): Promise<Ack>;
}

/** Shortest time between two appends, in milliseconds: what is written meanwhile goes together. */
const APPEND_INTERVAL_MS = 40;

/** Bytes of data, as JSON: for a longer frame the server would close the line. */
const MAX_DATA_BYTES = MAX_FRAME_BYTES - 1024;

/** How much may be written and not stored, in UTF-16 units, before `write` waits. */
const MAX_UNSTORED = 65_536;

/**
 * Starts a stream, or takes over one's own that is open under the same `id`. It goes on over cuts and restarts of the server: what
 * the server did not store is sent again.
 */
export function startStream<Data extends object = AnyData>(
  conversation: Conversation<Data>,
  { id = newId(), reply_to, data, restart }: StreamOptions<Data> = {},
): Stream<Data> {
  const inner = innerOf(conversation);
  const controller = new AbortController();
  const { signal } = controller;
  let state = NEW_STREAM;
  let error: ParleyError | undefined;
  let endTurn: (() => void) | undefined;
  let endRetry = () => {};
  let waiting: (() => void)[] = [];
  let settle: { resolve(ack: Ack): void; reject(error: unknown): void };
  const ended = new Promise<Ack>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // The signal reports it, too.
  ended.catch(() => {});

  function dispatch(event: StreamEvent): void {
    const next = streamStep(state, event);
    state = next.state;
    next.effects.forEach(carryOut);
    if (state.state === "ended" || state.state === "failed") finish();
    else if (hasTurn(state) && endTurn === undefined) takeTurn();
    if (unstoredLength(state) < MAX_UNSTORED) {
      for (const wake of waiting) wake();
      waiting = [];
    }
  }

  function takeTurn(): void {
    endTurn = inner.after(APPEND_INTERVAL_MS, () => {
      endTurn = undefined;
      dispatch({ type: "turn" });
    });
    dispatch({ type: "turn" });
  }

  function carryOut(effect: StreamEffect): void {
    const { stream } = state;
    if (effect.type === "start") queueMicrotask(start);
    else if (effect.type === "append") inner.send({ type: "stream_append", stream, ...effect.append });
    else if (effect.type === "end") inner.send({ type: "stream_end", stream, ...effect.end });
    else if (effect.type === "retry") {
      endRetry();
      endRetry = inner.after(effect.seconds * 1000, () => dispatch({ type: "retry" }));
    } else {
      const isRefused = state.state === "failed" || state.isFull;
      controller.abort(isRefused ? error : new ParleyError("cancelled", "No more text is wanted."));
    }
  }

  function start(isFirst = false): void {
    inner
      .start<Partial<Ack> & { stream?: string; n?: number }>({
        type: "stream_start",
        id,
        ...(data && { data }),
        ...(reply_to !== undefined && { reply_to: targetOf(reply_to) }),
        ...(isFirst && restart && { restart }),
      })
      .then(({ stream, n, ...ack }) => {
        if (stream !== undefined) {
          inner.writers.set(stream, onFrame);
          dispatch({ type: "started", stream, n: n! });
        } else if (state.state === "taking_over") endedMeanwhile(ack as Ack);
        else acked(ack as Ack);
      }, reject);
  }

  /** The stream has ended while the line was down. Where the server ended it, text may be missing. */
  function endedMeanwhile(ack: Ack): void {
    conversation.message(ack.seq).then(({ stream }) => {
      if (stream?.state === "interrupted") reject(new ParleyError("fenced", "The stream was interrupted."));
      else acked(ack);
    }, reject);
  }

  function reject(refusal: ParleyError): void {
    error = refusal;
    dispatch({ type: "rejected" });
  }

  function acked(ack: Ack): void {
    settle.resolve(ack);
    dispatch({ type: "acked" });
  }

  /** Returns false if the frame is not for the writer. */
  function onFrame({ type, ...frame }: { readonly type: string }): boolean {
    if (type === "stream_stored") dispatch({ type: "stored", ...(frame as { n: number }) });
    else if (type === "stream_cancel") dispatch({ type: "cancel" });
    else if (type === "ack" && state.state === "ending") {
      const { conversation: _, ...ack } = frame as Ack & { conversation?: string };
      acked(ack as Ack);
    } else if (type === "error" && (state.state === "open" || state.state === "ending")) {
      const refusal = frame as RefusalFrame;
      error = new ParleyError(refusal.code as never, refusal.message, refusal);
      dispatch({ type: "refused", refusal });
    } else return false;
    return true;
  }

  function finish(): void {
    settle.reject(error);
    inner.writers.delete(id);
    inner.writers.delete(state.stream!);
    endTurn?.();
    endRetry();
    endListening();
  }

  inner.writers.set(id, onFrame);
  const endListening = inner.listen("cut", () => dispatch({ type: "cut" }));
  start(true);

  const shown: Stream<Data> = {
    id,
    signal,
    async write(text, more) {
      if (state.state === "failed" || state.isFull) throw error;
      if (state.end !== undefined) throw new ParleyError("invalid", "The stream was ended.");
      checkData(more);
      dispatch({ type: "write", text, data: more });
      if (unstoredLength(state) >= MAX_UNSTORED) await new Promise<void>((wake) => waiting.push(wake));
    },
    async pipe(source) {
      const next = readerOf(source);
      let stop = () => {};
      const onAbort = () => stop();
      signal.addEventListener("abort", onAbort);
      // Not `Promise.race` with one promise for the abort: that would keep something of each token until the end.
      const unlessAborted = <T>(promise: Promise<T>) =>
        new Promise<T | undefined>((resolve, reject) => {
          stop = () => resolve(undefined);
          promise.then(resolve, reject);
          if (signal.aborted) stop();
        });
      try {
        for (;;) {
          const item = await unlessAborted(next.read());
          if (item === undefined || item.done) break;
          await unlessAborted(shown.write(item.value));
        }
      } catch (cause) {
        // A source that was given `signal` fails by it.
        if (!signal.aborted) {
          await shown.end({ state: "failed" });
          throw cause;
        }
      } finally {
        signal.removeEventListener("abort", onAbort);
        // A source that is stuck must not hold up the end.
        if (signal.aborted) void next.cancel().catch(() => {});
      }
      return shown.end(state.isFull ? { state: "failed" } : {});
    },
    async end(end = {}) {
      checkData(end.data);
      dispatch({ type: "end", end });
      return ended;
    },
  };
  return shown;
}

/** Throws for data that no frame can carry. */
function checkData(data: object | undefined): void {
  let length = 0;
  try {
    length = data === undefined ? 0 : jsonLength(data);
  } catch (cause) {
    throw new ParleyError("invalid", "`data`: not JSON.", { cause });
  }
  if (length > MAX_DATA_BYTES) throw new ParleyError("too_large", `\`data\`: over ${MAX_DATA_BYTES} bytes.`);
}

/** A reader of either kind of source: not every browser can iterate a ReadableStream. */
function readerOf(source: AsyncIterable<string> | ReadableStream<string>): {
  read(): Promise<{ done?: boolean | undefined; value?: string | undefined } & { value: string }>;
  cancel(): Promise<unknown>;
} {
  if ("getReader" in source) {
    const reader = source.getReader();
    return { read: () => reader.read() as never, cancel: () => reader.cancel() };
  }
  const iterator = source[Symbol.asyncIterator]();
  return { read: () => iterator.next() as never, cancel: async () => iterator.return?.() };
}
