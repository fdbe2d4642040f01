import { ConcurrencyLimiter } from "../concurrency-limiter.ts";

/** How many connections are let in at once: while one waits for its token's key, others use the event loop. */
const MAX_PERMITS = 4;

/**
 * How long a connection keeps its permit, in milliseconds. Work of the event loop takes less; a connection that takes
 * longer waits for another machine, such as the one that publishes the keys, and must not hold up all others.
 */
const PERMIT_TIMEOUT_MS = 100;

/**
 * Lets connections in a few at a time and the rest in the order in which they came, so that thousands that come at once
 * share the event loop with those that are open, instead of filling one turn of it after the other.
 */
export class AdmissionQueue extends ConcurrencyLimiter {
  constructor() {
    super({ permits: MAX_PERMITS, permitTimeoutMs: PERMIT_TIMEOUT_MS, handOnLater: true });
  }
}
