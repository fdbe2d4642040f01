import type { Clock } from "../core/ports/clock.ts";

/**
 * Calls `work` every `interval` milliseconds, but not while an earlier call has not settled. A call that rejects is over, and the
 * next one is the next try. Returns how to stop.
 */
export function everyOneAtATime(clock: Clock, interval: number, work: () => Promise<unknown>): () => void {
  let isBusy = false;
  return clock.every(interval, () => {
    if (isBusy) return;
    isBusy = true;
    work()
      .catch(() => {})
      .finally(() => {
        isBusy = false;
      });
  });
}
