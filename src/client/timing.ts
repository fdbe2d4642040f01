/**
 * The clock and the timers of the library. A duration is never taken from the time of day, which a person or NTP sets
 * back and forth. Tests give one of their own, and move it.
 */
export interface Timing {
  /** Milliseconds since some moment. Never goes back; may stand still while the machine sleeps. */
  now(): number;
  /** Calls `task` once, after `milliseconds`. Returns a function that prevents it. */
  after(milliseconds: number, task: () => void): () => void;
}

/** Longest time a timer of JavaScript can wait, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The monotonic clock that browsers, Node, Bun and Deno have. A task that is further off is called too early. */
export const MONOTONIC: Timing = {
  now: () => performance.now(),
  after(milliseconds, task) {
    const timer = setTimeout(task, Math.min(Math.max(milliseconds, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** What `promise` gives, or a rejection after `milliseconds`: what `name` calls may never settle. */
export function within<T>(
  timing: Timing,
  milliseconds: number,
  name: string,
  promise: PromiseLike<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = timing.after(milliseconds, () =>
      reject(new Error(`${name}: no answer after ${milliseconds / 1000} s`)),
    );
    promise.then(resolve, reject).then(end);
  });
}
