/**
 * Time as a port: real in the server, moved by hand in tests. There are two, because the machine's clock can be wrong and
 * set right: durations are measured with one that it does not move, and moments are told by one that it does.
 */
export interface Clock {
  /**
   * Milliseconds for durations: since 1970 as the machine's clock was at the start, and even from then on. MUST NOT step,
   * nor run backwards, when the machine's clock is set.
   */
  now(): number;
  /**
   * The time of day, in milliseconds since 1970, by the machine's clock: for times that are compared with other
   * machines.
   */
  wall(): number;
  /**
   * The latest moment that the machine's clock has shown, going on evenly from there, in milliseconds since 1970. A clock
   * that was set back makes nothing that had happened a thing of the future.
   */
  latest(): number;
  /** Calls `task` every `milliseconds` until the returned function is called. MUST NOT keep the process running. */
  every(milliseconds: number, task: () => void): () => void;
}

/** Difference between the clocks above which the machine's clock was set, in milliseconds. */
export const CLOCK_STEP_MS = 1_000;
