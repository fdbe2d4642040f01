import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { retryDelay } from "../line/backoff.ts";
import { MAX_PENDING, REPLY_TIMEOUT_MS, SEND_BURST, SEND_RATE } from "../options.ts";
import type { Timing } from "../timing.ts";
import { ParleyError } from "../types/error.ts";
import type { RefusalFrame, SentFrame } from "../types/frames.ts";
import type { Pending } from "../types/options.ts";
import { createRateLimiter } from "./rate-limiter.ts";

/** A frame whose reply carries the same `id`. */
export type RequestFrame = SentFrame & { readonly id: string };

/** A request that waits for its reply. */
interface PendingRequest {
  readonly frame: RequestFrame & { reply_to?: unknown; seq?: unknown; epoch?: unknown };
  readonly promise: Promise<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The requests of one type in one conversation, in the order in which they were made; changes of messages go with the messages. Only one is in flight. Otherwise the first
 * could be refused (over quota, store unavailable) and the second accepted, and the messages would be stored in another order than
 * they were written. One round trip per request is fast enough for all plans. Times are those of a monotonic clock.
 */
interface Outbox {
  readonly type: string;
  readonly conversation: string | undefined;
  requests: PendingRequest[];
  inFlight?: PendingRequest | undefined;
  /** When the request in flight began to wait for its reply. */
  since: number;
  /** When the next request may be sent. */
  notBefore: number;
  /** How often in a row the first request was refused for a while. */
  refusals: number;
}

/** What the requests need of the line and its owner. */
export interface RequestOwner {
  /** Whether requests may be sent now: connected, and the store is not away. */
  isReady(): boolean;
  /** Whether the messages of a conversation wait for those of the storage. */
  isHeld(conversation: string): boolean;
  /** The epoch of a conversation, as far as is known. */
  epoch(conversation: string): string | undefined;
  /** The error for new requests, if the line is closed. */
  refusal(): ParleyError | undefined;
  /** Opens the line if it is idle. */
  use(): void;
  send(frame: SentFrame): void;
  /** The server does not reply: drops the socket. */
  fail(reason: string): void;
  /** The pending messages of a conversation changed. */
  onChange(conversation: string): void;
  /** A message or a change has its ack, or failed with `error`. */
  onSettled(conversation: string, pending: Pending, ack: unknown, error: unknown): void;
}

/**
 * The requests of all conversations: each conversation has an outbox of messages, and others for other requests. They are sent
 * within one rate limit for the socket, and again after a reconnect, until each has its reply; each promise settles once.
 */
export interface Requests {
  /**
   * Resolves with the reply's frame; rejects with a `ParleyError`, or the reason of `signal`. `isFirst`: before all other
   * requests of its outbox, and only on this connection: rejects if it is lost.
   */
  request<A>(frame: RequestFrame, signal?: AbortSignal, isFirst?: boolean): Promise<A>;
  /** Puts messages from the storage before those of this run. */
  restore(conversation: string, pending: readonly Pending[]): void;
  /** The messages and changes of a conversation that are not acked, the oldest first. */
  pending(conversation: string): readonly Pending[];
  /** Takes a request out, and settles it: with the reply `frame`, or else with `error`. Returns false if there is none. */
  settle(conversation: string | undefined, id: string | undefined, frame: unknown, error?: unknown): boolean;
  /** Returns false if the error belongs to no request. */
  onError(error: RefusalFrame): boolean;
  /** The newest message of a conversation that the user has seen; 0: the conversation has a new epoch. */
  mark(conversation: string, seq: number): void;
  /** Sends nothing for so many milliseconds. */
  pause(milliseconds: number): void;
  /** Sends deferred requests now. */
  retryNow(): void;
  /** The server is still sending frames that precede the replies: restarts the reply time-out of all requests in flight. */
  wait(): void;
  /** Whether a request waits. */
  isUsed(): boolean;
  /** Sends requests that are due, and sets a timer for the next ones. */
  flush(): void;
  /** Nothing that was sent over the line, or in one conversation, is answered any more. */
  onDown(conversation?: string): void;
  /** Rejects all requests, or those of one conversation; `isKept`: messages stay pending and are sent if the line opens again. */
  close(reason: ParleyError, isKept: boolean, conversation?: string): void;
}

/** Refusals that are about the user or the server, not about one conversation: all outboxes wait. */
const FOR_ALL = ["rate_limited", "unavailable"];

/** How many acks are kept, for replies to messages and changes of messages that are still named by their id. */
const MAX_ACKED = 200;

/** Changes go with the messages: one may wait for the ack of its message. */
const outboxTypeOf = (type: string) => (/^(edit|erase|react)$/.test(type) ? "message" : type);

export function createRequests(
  {
    pending: limit = MAX_PENDING,
    sendRate = SEND_RATE,
  }: { readonly pending?: number; readonly sendRate?: number },
  timing: Timing,
  owner: RequestOwner,
): Requests {
  let outboxes: Outbox[] = [];
  const limiter = createRateLimiter(sendRate, SEND_BURST);
  /** Read marks, and those that were sent over this connection. */
  const marks = new Map<string, number>();
  const sentMarks = new Map<string, number>();
  /** The `seq` of own messages, and the epoch in which that counts, by conversation and id: those that were acked last. */
  const acked = new Map<string, { readonly seq: number; readonly epoch: string | undefined }>();
  /** Requests that the loss of the connection rejects. */
  const firsts = new Set<PendingRequest>();
  /** Until when requests that the plan counts wait. */
  let pausedUntil = 0;
  let refusals = 0;
  let endTimer = () => {};

  function createRequest(frame: RequestFrame): PendingRequest {
    const { promise, ...settle } = withResolvers();
    const settled = (ack?: unknown, error?: unknown) => {
      if (outboxTypeOf(frame.type) === "message")
        owner.onSettled(frame.conversation!, pendingOf(frame), ack, error);
    };
    promise.then(settled, (error) => settled(undefined, error));
    return { frame, promise, ...settle };
  }

  function outboxOf({ type: given, conversation }: SentFrame): Outbox {
    const type = outboxTypeOf(given);
    let outbox = outboxes.find((one) => one.type === type && one.conversation === conversation);
    if (outbox === undefined) {
      outbox = { type, conversation, requests: [], since: 0, notBefore: 0, refusals: 0 };
      outboxes.push(outbox);
    }
    return outbox;
  }

  function find(conversation: string | undefined, id: string | undefined): [Outbox?, PendingRequest?] {
    for (const outbox of outboxes) {
      const request = outbox.requests.find(({ frame }) => frame.id === id);
      if (request !== undefined && outbox.conversation === conversation) return [outbox, request];
    }
    return [];
  }

  /** Gives a frame the `seq` of an own message that it names by its id, and of a change the epoch in which that counts. */
  function resolve(frame: PendingRequest["frame"]): void {
    const known = (name: unknown) =>
      typeof name === "string" ? acked.get(`${frame.conversation}\n${name}`) : undefined;
    const answered = known(frame.reply_to);
    if (answered !== undefined) frame.reply_to = answered.seq;
    Object.assign(frame, known(frame.seq));
  }

  /** When the next request of an outbox may be sent: messages and history are counted by the plan. */
  function readyAt(outbox: Outbox): number {
    const { type, conversation, inFlight, notBefore } = outbox;
    if (inFlight !== undefined || (type === "message" && owner.isHeld(conversation!))) return Infinity;
    return /^(message|history|stream_start)$/.test(type) ? Math.max(notBefore, pausedUntil) : notBefore;
  }

  function flush(): void {
    endTimer();
    outboxes = outboxes.filter(({ requests }) => requests.length > 0);
    const now = timing.now();
    const isReady = owner.isReady();
    /** When the line counts as dead: the oldest request in flight has waited too long. */
    const deadline = () =>
      Math.min(...outboxes.map(({ inFlight, since }) => (inFlight === undefined ? Infinity : since))) +
      REPLY_TIMEOUT_MS;
    if (isReady && deadline() <= now) {
      owner.fail("no reply");
      return;
    }
    const send = (frame: SentFrame) => {
      limiter.consume(now);
      owner.send(frame);
    };
    if (isReady) {
      for (const outbox of [...outboxes]) {
        if (limiter.readyAt() > now || readyAt(outbox) > now) continue;
        const { frame } = outbox.requests[0]!;
        if (typeof frame.seq === "string") {
          const error = new ParleyError("not_found", "Its message was not stored.");
          api.settle(frame.conversation, frame.id, undefined, error);
          continue;
        }
        outbox.inFlight = outbox.requests[0]!;
        outbox.since = now;
        // Its turn comes again after all others, so that none takes all of the rate.
        outboxes = [...outboxes.filter((other) => other !== outbox), outbox];
        send(outbox.inFlight.frame);
      }
      for (const [conversation, seq] of marks) {
        if (limiter.readyAt() > now || sentMarks.get(conversation) === seq) continue;
        sentMarks.set(conversation, seq);
        send({ type: "read", conversation, seq });
      }
    }
    // A read mark alone opens no idle line: after a close for inactivity the program itself would open it again.
    const hasMarks = isReady && [...marks].some(([conversation, seq]) => sentMarks.get(conversation) !== seq);
    const next = Math.max(Math.min(...outboxes.map(readyAt), hasMarks ? 0 : Infinity), limiter.readyAt());
    if (!isReady && next <= now) owner.use();
    else {
      const at = isReady ? Math.min(next, deadline()) : next;
      if (at !== Infinity) endTimer = timing.after(at - now, flush);
    }
  }

  const api: Requests = {
    request<A>(frame: RequestFrame, signal?: AbortSignal, isFirst = false) {
      const { id, conversation } = frame;
      const outbox = outboxOf(frame);
      const earlier = outbox.requests.find((one) => one.frame.id === id);
      if (earlier !== undefined) return earlier.promise as Promise<A>;
      const request = createRequest(frame);
      resolve(request.frame);
      const refusal =
        owner.refusal() ??
        validationError(frame) ??
        (outbox.requests.length < limit ? undefined : new ParleyError("outbox_full", "Too many pending."));
      if (signal?.aborted || refusal !== undefined) request.reject(signal?.aborted ? signal.reason : refusal);
      else {
        const abort = () => api.settle(conversation, id, undefined, signal!.reason);
        const forget = () => signal?.removeEventListener("abort", abort);
        signal?.addEventListener("abort", abort);
        request.promise.then(forget, forget);
        outbox.requests[isFirst ? "unshift" : "push"](request);
        if (isFirst) firsts.add(request);
        if (outbox.type === "message") owner.onChange(conversation!);
        owner.use();
        flush();
      }
      return request.promise as Promise<A>;
    },
    restore(conversation, kept) {
      const outbox = outboxOf({ type: "message", conversation });
      const known = outbox.requests.map(({ frame }) => frame.id);
      outbox.requests.unshift(
        ...kept
          .filter(({ id }) => !known.includes(id))
          .map((one) => createRequest({ type: "message", conversation, ...one })),
      );
      owner.onChange(conversation);
    },
    pending: (conversation) =>
      outboxOf({ type: "message", conversation }).requests.map(({ frame }) => pendingOf(frame)),
    settle(conversation, id, frame, error) {
      const [outbox, request] = find(conversation, id);
      if (outbox === undefined) return false;
      outbox.requests = outbox.requests.filter((one) => one !== request);
      if (outbox.inFlight === request) outbox.inFlight = undefined;
      outbox.refusals = refusals = 0;
      firsts.delete(request!);
      if (request!.frame.type === "message") {
        if (frame !== undefined) {
          const { seq } = frame as { seq: number };
          acked.set(`${conversation}\n${id}`, { seq, epoch: owner.epoch(conversation!) });
          if (acked.size > MAX_ACKED) acked.delete(acked.keys().next().value!);
        }
        // What names it was written before its ack: one at a time is sent, so it waits still.
        for (const next of [...outbox.requests]) {
          if (frame !== undefined) resolve(next.frame);
          else if (next.frame.seq === id) api.settle(conversation, next.frame.id, undefined, error);
        }
      }
      if (outbox.type === "message") owner.onChange(conversation!);
      if (frame === undefined) request!.reject(error);
      else request!.resolve(frame);
      return true;
    },
    onError({ id, code, message, conversation: named, ...facts }) {
      const { retry_after } = facts;
      // A frame that the server could not read is refused without its conversation, and at once: the last that was sent.
      const conversation =
        named ?? outboxes.findLast(({ inFlight }) => inFlight?.frame.id === id)?.conversation;
      const [outbox] = find(conversation, id);
      const isForAll = FOR_ALL.includes(code);
      if (retry_after === undefined && !isForAll)
        return api.settle(
          conversation,
          id,
          undefined,
          new ParleyError(code as never, message, { ...facts, conversation }),
        );
      const attempt = isForAll ? refusals++ : (outbox?.refusals ?? 0);
      const until = timing.now() + retryDelay(retry_after, attempt, Math.random());
      if (isForAll) pausedUntil = until;
      if (outbox?.inFlight === undefined) return outbox !== undefined;
      outbox.inFlight = undefined;
      outbox.notBefore = until;
      outbox.refusals++;
      return true;
    },
    mark(conversation, seq) {
      if (seq === 0) marks.delete(conversation);
      // Not `<=`: a `NaN` would be sent without end.
      if (!(seq > (marks.get(conversation) ?? 0))) return;
      marks.set(conversation, seq);
      owner.use();
      flush();
    },
    pause: (milliseconds) => limiter.pause(timing.now() + milliseconds),
    retryNow() {
      pausedUntil = 0;
      for (const outbox of outboxes) outbox.notBefore = 0;
    },
    wait() {
      for (const outbox of outboxes) outbox.since = timing.now();
    },
    isUsed: () => outboxes.some(({ requests }) => requests.length > 0),
    flush,
    onDown(only) {
      const isLost = ({ conversation }: Outbox | SentFrame) => only === undefined || only === conversation;
      // Read marks may not have arrived. The server only moves them forward, so sending one twice is harmless.
      sentMarks.clear();
      for (const outbox of outboxes) if (isLost(outbox)) outbox.inFlight = undefined;
      // The next `opened` shows again what is missing.
      for (const { frame } of firsts)
        if (isLost(frame)) api.settle(frame.conversation, frame.id, undefined, "connection lost");
    },
    close(reason, isKept, only) {
      for (const outbox of outboxes) {
        if (only !== undefined && only !== outbox.conversation) continue;
        const { requests, type } = outbox;
        const isStill = isKept && type === "message";
        outbox.requests = isStill ? requests.map(({ frame }) => createRequest(frame)) : [];
        outbox.inFlight = undefined;
        for (const { reject } of requests) reject(reason);
        if (type === "message" && !isStill) owner.onChange(outbox.conversation!);
      }
    },
  };
  return api;
}

/** A message or a change as it is kept: without the conversation, and a message without its type. */
function pendingOf({ type, conversation: _, ...fields }: SentFrame): Pending {
  return { ...(type !== "message" && { type }), ...fields } as Pending;
}

/** As `Promise.withResolvers`, which browsers have since 2024. */
function withResolvers(): Pick<PendingRequest, "promise" | "resolve" | "reject"> {
  let settle: Pick<PendingRequest, "resolve" | "reject"> | undefined;
  const promise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle! };
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
