import {
  BACKOFF_EARLY_ATTEMPTS,
  BACKOFF_EARLY_MAX_MS,
  BACKOFF_INITIAL_MS,
  BACKOFF_MAX_MS,
} from "../options.ts";

/**
 * How long to wait before trying again, in milliseconds: exponential with full jitter.
 *
 * `attempt` counts from 0; `random` is from 0 up to 1; no wait is above `longest`. The whole wait is random, so that
 * clients that were cut together do not come back together.
 */
export function backoff(
  attempt: number,
  random: number,
  longest: number = attempt < BACKOFF_EARLY_ATTEMPTS ? BACKOFF_EARLY_MAX_MS : BACKOFF_MAX_MS,
): number {
  return random * Math.min(longest, BACKOFF_INITIAL_MS * 2 ** attempt);
}

/** The wait after an answer: what the server asked for in `seconds` wins over the back-off. */
export function retryDelay(seconds: number | undefined, attempt: number, random: number): number {
  return seconds === undefined ? backoff(attempt, random) : seconds * 1000;
}
