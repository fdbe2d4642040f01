/** A request with an `id`, by which its reply is recognized. */
export interface Identified {
  readonly id: string;
}

/**
 * Requests in the order in which they were made, each kept until it gets its reply.
 *
 * Only one at a time is in flight. Otherwise the first could be rejected (over quota, store unavailable) and the second
 * accepted, and the messages would be stored in another order than they were written. One round trip per request is fast
 * enough for all plans. Time is an argument, in milliseconds of a monotonic clock.
 */
export interface Outbox<R extends Identified> {
  /** Requests without a reply, the oldest first. */
  all(): readonly R[];
  find(id: string): R | undefined;
  /** Adds a request; returns false if the outbox is full. */
  add(request: R): boolean;
  /** Adds requests before all others: those restored from the storage. */
  addFirst(requests: readonly R[]): void;
  /** Returns the request to send now, and marks it as in flight; undefined if none is due. */
  next(now: number): R | undefined;
  /** When the next request may be sent; `Infinity` if none waits to be sent. */
  readyAt(): number;
  /** When the request in flight began to wait for its reply; `Infinity` if none is in flight. */
  inFlightSince(): number;
  /** The server is still sending frames that precede the reply: counts the wait of the request in flight from `now`. */
  restartTimeout(now: number): void;
  /** Removes a request that got its reply or was cancelled. */
  remove(id: string): R | undefined;
  /** Sends a rejected request again after `delay(n)` milliseconds, where n counts its rejections from 0. */
  defer(id: string, now: number, delay: (n: number) => number): void;
  /** The connection is lost: the request in flight may or may not have arrived, and is sent again. */
  requeue(): void;
  /** Ends the delay of a deferred request. */
  retryNow(): void;
}

export function createOutbox<R extends Identified>(limit: number): Outbox<R> {
  let requests: R[] = [];
  let inFlight: string | undefined;
  let since = 0;
  let notBefore = 0;
  let deferrals = 0;

  const find = (id: string) => requests.find((request) => request.id === id);
  const readyAt = () => (requests.length > 0 && inFlight === undefined ? notBefore : Infinity);
  return {
    all: () => requests,
    find,
    add: (request) => requests.length < limit && requests.push(request) > 0,
    addFirst(earlier) {
      requests = [...earlier.filter(({ id }) => !find(id)), ...requests];
    },
    next(now) {
      if (readyAt() > now) return undefined;
      inFlight = requests[0]?.id;
      since = now;
      return requests[0];
    },
    readyAt,
    inFlightSince: () => (inFlight === undefined ? Infinity : since),
    restartTimeout(now) {
      since = now;
    },
    remove(id) {
      const request = find(id);
      if (request === undefined) return undefined;
      requests = requests.filter((other) => other !== request);
      if (inFlight === id) inFlight = undefined;
      deferrals = 0;
      return request;
    },
    defer(id, now, delay) {
      if (inFlight !== id) return;
      inFlight = undefined;
      notBefore = now + delay(deferrals++);
    },
    requeue() {
      inFlight = undefined;
    },
    retryNow() {
      notBefore = 0;
    },
  };
}
