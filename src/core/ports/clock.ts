/**
 * Time as a port: real in the server, set by tests. It has two clocks, because an operator or NTP can set the machine's
 * clock. `now` is not changed by that, and measures durations. `wall` is, and gives the time of day.
 */
export interface Clock {
  /**
   * Milliseconds for durations. It starts at the machine's time (since 1970) and then runs evenly. MUST NOT step or run
   * backwards when the machine's clock is set.
   */
  now(): number;
  /**
   * `now` when this turn of the event loop first asked for it. For what happens hundreds of times in a turn and needs no more exact time:
   * to read the machine's clock takes 0.05 µs.
   */
  turn(): number;
  /**
   * The time of day by the machine's clock, in milliseconds since 1970, for times that are compared with other machines.
   */
  wall(): number;
  /**
   * The latest time that the machine's clock has shown, running on evenly from there, in milliseconds since 1970. After the
   * clock was set back, no past event lies in the future of this time.
   */
  latest(): number;
  /** Calls `task` every `milliseconds` until the returned function is called. MUST NOT keep the process running. */
  every(milliseconds: number, task: () => void): () => void;
}

/** A larger difference between the two clocks, in milliseconds, means that the machine's clock was set. */
export const CLOCK_STEP_MS = 1_000;
