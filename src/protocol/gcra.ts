// Rate limits by the generic cell rate algorithm (ITU-T I.371, annex A). The state is one number:
//
//   now ├── burst · interval ──────────────┤
//       └────┬────┬────┬────┬────┬─────────┴──▶ time
//                                ▲ due: the time by which all counted events would have come at one per interval
//
// One more is within the limit while it would not move `due` beyond `now` + burst · interval.

/** Allows one event per `intervalMs` on average, and `burst` of them at once. */
export interface Rate {
  /** Milliseconds; 0 is no limit. */
  readonly intervalMs: number;
  readonly burst: number;
}

/** Returns the time from which on one more event is within the limit; it is in the past where one is allowed now. */
export function readyAt(due: number, intervalMs: number, burst: number): number {
  return due - (burst - 1) * intervalMs;
}

/** Returns how long to wait from `now` on until one more is within the limit, in milliseconds; 0 for not at all. */
export function waitTime(due: number, rate: Rate, now: number): number {
  const wait = readyAt(due, rate.intervalMs, rate.burst) - now;
  return wait < ROUNDING_MS ? 0 : wait;
}

/** Shorter waits are rounding errors of sums of intervals that are not binary fractions, such as a third of a second. */
const ROUNDING_MS = 0.1;

/** Returns `due` after one more at `now`. */
export function dueAfter(due: number, intervalMs: number, now: number): number {
  return Math.max(due, now) + intervalMs;
}
