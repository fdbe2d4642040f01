import { retryDelay } from "../../../client/line/backoff.ts";
import { MAX_PENDING, REPLY_TIMEOUT_MS, SEND_BURST, SEND_RATE } from "../../../client/options.ts";
import { createRateLimiter } from "../../../client/requests/rate-limiter.ts";
import type { Timing } from "../../../client/timing.ts";
import { MAX_FRAME_BYTES } from "../../../protocol/limits.ts";
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";
import type { OutgoingFrame } from "./connection.ts";
import type { Options, Pending } from "./options.ts";
import { createOutbox, type Identified } from "./outbox.ts";
import { closedError, ParleyError } from "./parley-error.ts";
import type { ReconnectingSocket } from "./reconnecting-socket.ts";
import { isConnected, isIdleClosed } from "./step.ts";

/** A frame whose reply carries the same `id`. */
export type RequestFrame = Extract<OutgoingFrame, { type: "message" | "history" | "ping" }> & Identified;

/** A request that waits for its reply. */
interface PendingRequest extends Identified {
  readonly frame: RequestFrame;
  readonly promise: Promise<unknown>;
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
}

/** Sends requests in order, within the rate limit, and again after a reconnect, until each has its reply; settles each promise once. */
export interface RequestQueue {
  /** Resolves with the reply's frame; rejects with a `ParleyError`, or the reason of `signal`. */
  request<A>(frame: RequestFrame, signal?: AbortSignal): Promise<A>;
  /** Reads history before all other history requests. Rejects if the connection is lost meanwhile. */
  requestFirst(frame: RequestFrame): Promise<ServerFrameOf<"history">>;
  /** Puts messages from the storage before those of this run. */
  restore(pending: readonly Pending[]): void;
  /** Messages that are not acked, the oldest first. */
  pending(): readonly Pending[];
  onReply(id: string | undefined, frame: unknown): void;
  /** Returns false if the error belongs to no request. */
  onError(error: ServerFrameOf<"error">): boolean;
  /** The newest message that the user has seen. */
  setReadMark(seq: number): void;
  /** The store began a new epoch: read marks of the old one do not apply. */
  resetReadMark(): void;
  /** Sends nothing for so many milliseconds. */
  pause(milliseconds: number): void;
  /** Sends deferred requests now. */
  retryNow(): void;
  /** The server is still sending frames that precede the replies: restarts the reply time-out of all requests in flight. */
  restartTimeout(): void;
  /** Sends requests that are due, and sets a timer for the next ones. */
  flush(): void;
  onDisconnect(): void;
  /** Rejects all requests with `reason`; `keepMessages`: messages stay pending and are sent if the conversation opens again. */
  close(reason: ParleyError, keepMessages: boolean): void;
}

/** `save` is called with the pending messages each time they change. */
export function createRequestQueue(
  options: Options,
  timing: Timing,
  socket: ReconnectingSocket,
  save: (pending: readonly Pending[]) => void,
): RequestQueue {
  const outboxes = {
    message: createOutbox<PendingRequest>(options.maxPending ?? MAX_PENDING),
    history: createOutbox<PendingRequest>(MAX_PENDING),
    ping: createOutbox<PendingRequest>(MAX_PENDING),
  };
  const all = Object.values(outboxes);
  const limiter = createRateLimiter(options.sendRate ?? SEND_RATE, SEND_BURST);
  /** The user's read mark, and the newest one that was sent over this connection. */
  let readMark = 0;
  let sentReadMark = 0;
  let endTimer = () => {};
  /** The request of `requestFirst` on this connection. */
  let first: PendingRequest | undefined;

  const pending = () =>
    outboxes.message.all().map(({ frame }) => {
      const { type: _, ...rest } = frame;
      return rest as Pending;
    });

  function remove(id: string): PendingRequest | undefined {
    const request = all.map((outbox) => outbox.remove(id)).find((one) => one !== undefined);
    if (request?.frame.type === "message") save(pending());
    return request;
  }

  const replyDeadline = () => Math.min(...all.map((outbox) => outbox.inFlightSince())) + REPLY_TIMEOUT_MS;

  function flush(): void {
    endTimer();
    const now = timing.now();
    const state = socket.state();
    const isOpen = isConnected(state) && state.state !== "degraded";
    if (isOpen && replyDeadline() <= now) {
      socket.fail("no reply");
      return;
    }
    if (!isOpen && !isIdleClosed(state)) return;
    const transmit = (frame: OutgoingFrame) => {
      limiter.consume(now);
      socket.send(frame);
    };
    if (isOpen) {
      for (const outbox of all) {
        const request = limiter.readyAt() <= now ? outbox.next(now) : undefined;
        if (request !== undefined) transmit(request.frame);
      }
      if (readMark > sentReadMark && limiter.readyAt() <= now) {
        sentReadMark = readMark;
        transmit({ type: "read", seq: sentReadMark });
      }
    }
    const next = isOpen && readMark > sentReadMark ? 0 : Math.min(...all.map((outbox) => outbox.readyAt()));
    const ready = Math.max(next, limiter.readyAt());
    if (!isOpen && ready <= now) {
      socket.dispatch({ type: "open" });
      return;
    }
    const at = isOpen ? Math.min(ready, replyDeadline()) : ready;
    if (at !== Infinity) endTimer = timing.after(at - now, flush);
  }

  return {
    request<A>(frame: RequestFrame, signal?: AbortSignal) {
      const { id, type } = frame;
      const outbox = outboxes[type];
      const earlier = outbox.find(id);
      if (earlier !== undefined) return earlier.promise as Promise<A>;
      const request = createRequest(frame);
      const state = socket.state();
      const refusal = closedError(state) ?? validationError(frame);
      if (signal?.aborted) request.reject(signal.reason);
      else if (refusal !== undefined) request.reject(refusal);
      else if (!outbox.add(request)) request.reject(new ParleyError("outbox_full", "Too many pending."));
      else {
        const abort = () => remove(id)?.reject(signal?.reason);
        const forget = () => signal?.removeEventListener("abort", abort);
        signal?.addEventListener("abort", abort);
        request.promise.then(forget, forget);
        if (type === "message") save(pending());
        if (isIdleClosed(state)) socket.dispatch({ type: "open" });
        flush();
      }
      return request.promise as Promise<A>;
    },
    requestFirst(frame) {
      first = createRequest(frame);
      outboxes.history.addFirst([first]);
      flush();
      return first.promise as Promise<ServerFrameOf<"history">>;
    },
    restore(kept) {
      outboxes.message.addFirst(kept.map(requestOf));
      save(pending());
    },
    pending,
    onReply(id = "", frame) {
      remove(id)?.resolve(frame);
    },
    onError({ id = "", code, message, retry_after }) {
      const outbox = all.find((one) => one.find(id) !== undefined);
      if (retry_after !== undefined || code === "rate_limited" || code === "unavailable")
        outbox?.defer(id, timing.now(), (n) => retryDelay(retry_after, n, Math.random()));
      else remove(id)?.reject(new ParleyError(code, message));
      return outbox !== undefined;
    },
    setReadMark(seq) {
      readMark = Math.max(readMark, seq);
      flush();
    },
    resetReadMark() {
      readMark = sentReadMark = 0;
    },
    pause: (milliseconds) => limiter.pause(timing.now() + milliseconds),
    retryNow() {
      for (const outbox of all) outbox.retryNow();
    },
    restartTimeout() {
      for (const outbox of all) outbox.restartTimeout(timing.now());
    },
    flush,
    onDisconnect() {
      // The read mark may not have arrived. The server only moves it forward, so sending it twice is harmless.
      sentReadMark = 0;
      for (const outbox of all) outbox.requeue();
      // The next `welcome` shows again what is missing.
      if (first !== undefined) remove(first.id)?.reject("connection lost");
      first = undefined;
    },
    close(reason, keepMessages) {
      endTimer();
      const kept = pending();
      for (const outbox of all)
        for (const { id, reject } of outbox.all()) {
          outbox.remove(id);
          reject(reason);
        }
      if (keepMessages) outboxes.message.addFirst(kept.map(requestOf));
    },
  };
}

function requestOf(message: Pending): PendingRequest {
  return createRequest({ type: "message", ...message } as RequestFrame);
}

function createRequest(frame: RequestFrame): PendingRequest {
  let settle: Pick<PendingRequest, "resolve" | "reject"> | undefined;
  const promise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // An application that ignores the promise must not be ended by an unhandled rejection.
  promise.catch(() => {});
  return { id: frame.id, frame, promise, ...settle! };
}

/** Rejects frames that the server could not answer by their `id`, or for which it would close the connection. */
function validationError(frame: RequestFrame): ParleyError | undefined {
  if (!/^[\x20-\x7e]{1,64}$/.test(frame.id)) return new ParleyError("invalid", "`id`: 1 to 64 ASCII.");
  try {
    return new TextEncoder().encode(JSON.stringify(frame)).length > MAX_FRAME_BYTES
      ? new ParleyError("too_large", `Over ${MAX_FRAME_BYTES} bytes.`)
      : undefined;
  } catch (error) {
    return new ParleyError("invalid", "`data`: not JSON.", { cause: error });
  }
}
