import { ConcurrencyLimiter } from "../concurrency-limiter.ts";

/** The number of connections that are admitted at a time: while one waits for its token's key, others use the event loop. */
const MAX_PERMITS = 4;

/**
 * How long a connection keeps its permit, in milliseconds. Work of the event loop takes less; a connection that takes
 * longer waits for another machine, such as the one that publishes the keys, and must not hold up all others.
 */
const PERMIT_TIMEOUT_MS = 100;

/**
 * Admits a few connections at a time, in the order of their arrival, so that thousands of simultaneous handshakes share the
 * event loop with the open connections instead of blocking it.
 */
export class AdmissionQueue extends ConcurrencyLimiter {
  constructor() {
    super({ permits: MAX_PERMITS, permitTimeoutMs: PERMIT_TIMEOUT_MS, handOnLater: true });
  }
}
