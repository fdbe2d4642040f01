import {
  BACKOFF_EARLY_ATTEMPTS,
  BACKOFF_EARLY_MAX_MS,
  BACKOFF_INITIAL_MS,
  BACKOFF_MAX_MS,
} from "../options.ts";

/**
 * Returns the time to wait before the next attempt, in milliseconds: exponential with full jitter.
 *
 * `attempt` counts from 0; `random` is from 0 up to 1; no wait exceeds `longest`. The whole wait is random, so that
 * clients that lost their connection at the same time do not reconnect at the same time.
 */
export function backoff(
  attempt: number,
  random: number,
  longest: number = attempt < BACKOFF_EARLY_ATTEMPTS ? BACKOFF_EARLY_MAX_MS : BACKOFF_MAX_MS,
): number {
  return random * Math.min(longest, BACKOFF_INITIAL_MS * 2 ** attempt);
}

/** Returns the wait after a reply, in milliseconds: the server's `seconds`, if it named any, instead of the back-off. */
export function retryDelay(seconds: number | undefined, attempt: number, random: number): number {
  return seconds === undefined ? backoff(attempt, random) : seconds * 1000;
}
