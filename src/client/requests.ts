import { MAX_FRAME_BYTES } from "../protocol/limits.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";
import { waitFor } from "./backoff.ts";
import type { SentFrame } from "./connection.ts";
import type { Line } from "./line.ts";
import { ANSWER_WAIT, MAX_PENDING, type Options, type Pending, SEND_BURST, SEND_RATE } from "./options.ts";
import { createOutbox, type Named } from "./outbox.ts";
import { createPace } from "./pace.ts";
import { closedError, ParleyError } from "./parley-error.ts";
import { isAsleep, isInTouch } from "./step.ts";
import type { Timing } from "./timing.ts";

/** A frame that is answered by its `id`. */
export type Asking = Extract<SentFrame, { type: "message" | "history" | "ping" }> & Named;

/** A request on its way to its answer. */
interface Request extends Named {
  readonly frame: Asking;
  readonly promise: Promise<unknown>;
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
}

/** Sends what is to be answered, in order and not too fast, until it is answered; settles each promise once. */
export interface Requests {
  /** Resolves with the answer's frame; rejects with a `ParleyError`, or the reason of `signal`. */
  ask<A>(frame: Asking, signal?: AbortSignal): Promise<A>;
  /** Reads history before anything else that is to be read. A line that is lost meanwhile ends it with a rejection. */
  askFirst(frame: Asking): Promise<ServerFrameOf<"history">>;
  /** Messages of an earlier life, before those of this one. */
  restore(pending: readonly Pending[]): void;
  /** Messages that are not acked, the oldest first. */
  pending(): readonly Pending[];
  answered(id: string | undefined, frame: unknown): void;
  /** False when the error is of no request. */
  refused(error: ServerFrameOf<"error">): boolean;
  /** The newest message that the user has seen. */
  mark(seq: number): void;
  /** Another life of the store: what was read in the last one says nothing about this one. */
  forgetMark(): void;
  /** Nothing is sent for so many milliseconds. */
  pause(milliseconds: number): void;
  /** What was put off is sent now. */
  hasten(): void;
  /** The server sends what comes before the answers: those that are waited for are not late. */
  excuse(): void;
  /** Sends what may be sent now, and comes back when more may be. */
  pump(): void;
  interrupt(): void;
  /** Ends all with `reason`; `keepMessages`: these are sent in a later life. */
  end(reason: ParleyError, keepMessages: boolean): void;
}

/** `save` is told the messages that are pending when they are others. */
export function createRequests(
  options: Options,
  timing: Timing,
  line: Line,
  save: (pending: readonly Pending[]) => void,
): Requests {
  const boxes = {
    message: createOutbox<Request>(options.maxPending ?? MAX_PENDING),
    history: createOutbox<Request>(MAX_PENDING),
    ping: createOutbox<Request>(MAX_PENDING),
  };
  const all = Object.values(boxes);
  const pace = createPace(options.sendRate ?? SEND_RATE, SEND_BURST);
  /** The newest message that the user has seen, and the newest that this line was told of. */
  let wanted = 0;
  let known = 0;
  let endTimer = () => {};
  /** What was asked for by `askFirst` on this line. */
  let first: Request | undefined;

  const pending = () =>
    boxes.message.all().map(({ frame }) => {
      const { type: _, ...rest } = frame;
      return rest as Pending;
    });

  function remove(id: string): Request | undefined {
    const request = all.map((box) => box.remove(id)).find((one) => one !== undefined);
    if (request?.frame.type === "message") save(pending());
    return request;
  }

  const lateAt = () => Math.min(...all.map((box) => box.waitingSince())) + ANSWER_WAIT;

  function pump(): void {
    endTimer();
    const now = timing.now();
    const state = line.state();
    const isOpen = isInTouch(state) && state.state !== "degraded";
    if (isOpen && lateAt() <= now) {
      line.giveUp("no answer came");
      return;
    }
    if (!isOpen && !isAsleep(state)) return;
    const transmit = (frame: SentFrame) => {
      pace.take(now);
      line.send(frame);
    };
    if (isOpen) {
      for (const box of all) {
        const request = pace.readyAt() <= now ? box.next(now) : undefined;
        if (request !== undefined) transmit(request.frame);
      }
      if (wanted > known && pace.readyAt() <= now) {
        known = wanted;
        transmit({ type: "read", seq: known });
      }
    }
    const next = isOpen && wanted > known ? 0 : Math.min(...all.map((box) => box.readyAt()));
    const ready = Math.max(next, pace.readyAt());
    if (!isOpen && ready <= now) {
      line.dispatch({ type: "open" });
      return;
    }
    const at = isOpen ? Math.min(ready, lateAt()) : ready;
    if (at !== Infinity) endTimer = timing.after(at - now, pump);
  }

  return {
    ask<A>(frame: Asking, signal?: AbortSignal) {
      const { id, type } = frame;
      const box = boxes[type];
      const earlier = box.find(id);
      if (earlier !== undefined) return earlier.promise as Promise<A>;
      const request = createRequest(frame);
      const state = line.state();
      const refusal = closedError(state) ?? refusalOf(frame);
      if (signal?.aborted) request.reject(signal.reason);
      else if (refusal !== undefined) request.reject(refusal);
      else if (!box.add(request)) request.reject(new ParleyError("outbox_full", "Too many pending."));
      else {
        const abort = () => remove(id)?.reject(signal?.reason);
        const forget = () => signal?.removeEventListener("abort", abort);
        signal?.addEventListener("abort", abort);
        request.promise.then(forget, forget);
        if (type === "message") save(pending());
        if (isAsleep(state)) line.dispatch({ type: "open" });
        pump();
      }
      return request.promise as Promise<A>;
    },
    askFirst(frame) {
      first = createRequest(frame);
      boxes.history.addFirst([first]);
      pump();
      return first.promise as Promise<ServerFrameOf<"history">>;
    },
    restore(kept) {
      boxes.message.addFirst(kept.map(requestOf));
      save(pending());
    },
    pending,
    answered(id = "", frame) {
      remove(id)?.resolve(frame);
    },
    refused({ id = "", code, message, retry_after }) {
      const box = all.find((one) => one.find(id) !== undefined);
      if (retry_after !== undefined || code === "rate_limited" || code === "unavailable")
        box?.putOff(id, timing.now(), (n) => waitFor(retry_after, n, Math.random()));
      else remove(id)?.reject(new ParleyError(code, message));
      return box !== undefined;
    },
    mark(seq) {
      wanted = Math.max(wanted, seq);
      pump();
    },
    forgetMark() {
      wanted = known = 0;
    },
    pause: (milliseconds) => pace.pause(timing.now() + milliseconds),
    hasten() {
      for (const box of all) box.hasten();
    },
    excuse() {
      for (const box of all) box.excuse(timing.now());
    },
    pump,
    interrupt() {
      // It may not have arrived; the server takes it forward only, so that once more does no harm.
      known = 0;
      for (const box of all) box.interrupt();
      // The next `welcome` tells anew what is missing.
      if (first !== undefined) remove(first.id)?.reject("line lost");
      first = undefined;
    },
    end(reason, keepMessages) {
      endTimer();
      const kept = pending();
      for (const box of all)
        for (const { id, reject } of box.all()) {
          box.remove(id);
          reject(reason);
        }
      if (keepMessages) boxes.message.addFirst(kept.map(requestOf));
    },
  };
}

function requestOf(message: Pending): Request {
  return createRequest({ type: "message", ...message } as Asking);
}

function createRequest(frame: Asking): Request {
  let settle: Pick<Request, "resolve" | "reject"> | undefined;
  const promise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Who does not wait for the answer must not be ended by a refusal.
  promise.catch(() => {});
  return { id: frame.id, frame, promise, ...settle! };
}

/** Refuses here what the server could not answer by its `id`, or would close the connection for. */
function refusalOf(frame: Asking): ParleyError | undefined {
  if (!/^[\x20-\x7e]{1,64}$/.test(frame.id)) return new ParleyError("invalid", "`id`: 1 to 64 ASCII.");
  try {
    return new TextEncoder().encode(JSON.stringify(frame)).length > MAX_FRAME_BYTES
      ? new ParleyError("too_large", `Over ${MAX_FRAME_BYTES} bytes.`)
      : undefined;
  } catch (error) {
    return new ParleyError("invalid", "`data`: not JSON.", { cause: error });
  }
}
