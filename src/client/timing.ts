/**
 * The clock and the timers of the library. Durations never come from the time of day, which a person or NTP may change.
 * Tests pass a manual clock.
 */
export interface Timing {
  /** Milliseconds since an arbitrary moment. Never goes back; may stop while the machine sleeps. */
  now(): number;
  /** Calls `task` once, after `milliseconds`. Returns a function that prevents it. */
  after(milliseconds: number, task: () => void): () => void;
}

/** Longest time that a JavaScript timer can wait, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The monotonic clock of browsers, Node, Bun and Deno. A task further away than `MAX_TIMER_MS` is called too early. */
export const MONOTONIC: Timing = {
  now: () => performance.now(),
  after(milliseconds, task) {
    const timer = setTimeout(task, Math.min(Math.max(milliseconds, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Returns the clock that the option `timing` holds; the monotonic one if it holds none. */
export function timingOf(given: Partial<Timing> = {}): Timing {
  return given.after ? (given as Timing) : MONOTONIC;
}

/** Settles as `promise` does, or rejects after `milliseconds`: the application's function `name` may never settle. */
export function within<T>(
  timing: Timing,
  milliseconds: number,
  name: string,
  promise: PromiseLike<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = timing.after(milliseconds, () =>
      reject(new Error(`${name}: no result after ${milliseconds / 1000} s`)),
    );
    promise.then(resolve, reject).then(end);
  });
}
