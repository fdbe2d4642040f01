// Rate limits by the generic cell rate algorithm (ITU-T I.371, annex A). What is counted is one number:
//
//   now ├── burst · interval ──────────────┤
//       └────┬────┬────┬────┬────┬─────────┴──▶ time
//                                ▲ due: when the ones counted so far would all have come, one each interval
//
// One more is within the limit while it would not move `due` beyond `now` + burst · interval.

/** One each `intervalMs` over time, `burst` of them at once. */
export interface Rate {
  /** Milliseconds; 0 is no limit. */
  readonly intervalMs: number;
  readonly burst: number;
}

/** Returns the moment from which one more is within the limit; a moment that is over where it is now. */
export function readyAt(due: number, intervalMs: number, burst: number): number {
  return due - (burst - 1) * intervalMs;
}

/** Returns how long to wait from `now` on until one more is within the limit, in milliseconds; 0 for not at all. */
export function waitTime(due: number, rate: Rate, now: number): number {
  const wait = readyAt(due, rate.intervalMs, rate.burst) - now;
  return wait < ROUNDING_MS ? 0 : wait;
}

/** Shorter waits come from adding up intervals that are no binary fractions, as a third of a second. */
const ROUNDING_MS = 0.1;

/** Returns `due` after one more at `now`. */
export function dueAfter(due: number, intervalMs: number, now: number): number {
  return Math.max(due, now) + intervalMs;
}
