/** Something to be sent that has a name, by which its answer is known. */
export interface Identified {
  readonly id: string;
}

/**
 * Requests in the order in which they were made, each kept until it is answered.
 *
 * One at a time is under way. With more, a refusal of the first (over quota, store away) could be followed by an accepted
 * second, and the conversation would read in another order than it was written; the plans allow fewer requests a second
 * than one round trip each. Time is an argument, in milliseconds of a clock that only goes forward.
 */
export interface Outbox<R extends Identified> {
  /** What is not answered yet, the oldest first. */
  all(): readonly R[];
  find(id: string): R | undefined;
  /** Takes a request; false when it has as many as it may. */
  add(request: R): boolean;
  /** Takes what comes before everything else: what was kept from an earlier life. */
  addFirst(requests: readonly R[]): void;
  /** The request to send now, which is then under way; undefined when there is none, or not yet. */
  next(now: number): R | undefined;
  /** When the next request may be sent; `Infinity` when none waits to be sent. */
  readyAt(): number;
  /** Since when the request under way has been waiting for its answer; `Infinity` when none is. */
  inFlightSince(): number;
  /** The server is busy with what comes before the answer: the request under way has waited since `now` only. */
  restartReplyTimeout(now: number): void;
  /** Ends a request, because it was answered or is no longer wanted. */
  remove(id: string): R | undefined;
  /** Has a refused request sent again `delay(n)` milliseconds from `now` when it is refused the nth time (from 0). */
  defer(id: string, now: number, delay: (n: number) => number): void;
  /** The line is gone: what was under way may or may not have arrived, and is sent again. */
  requeueInFlight(): void;
  /** What was put off need not wait any longer. */
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
    restartReplyTimeout(now) {
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
    requeueInFlight() {
      inFlight = undefined;
    },
    retryNow() {
      notBefore = 0;
    },
  };
}
