import { ConcurrencyLimiter } from "../concurrency-limiter.ts";
import type { TurnShare } from "../turn-share.ts";

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
  /** Tests set `permitTimeoutMs`: on a busy machine one of their steps may take longer than a permit is kept. */
  constructor(turnShare: TurnShare, permitTimeoutMs = PERMIT_TIMEOUT_MS) {
    super({ permits: MAX_PERMITS, permitTimeoutMs, turnShare });
  }
}
