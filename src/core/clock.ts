/** Time as a port: real in the server, moved by hand in tests. */
export interface Clock {
  /** Milliseconds since 1970. MUST never run backwards while the process lives, also when the machine's clock is set back. */
  now(): number;
  /** Calls `task` every `milliseconds` until the returned function is called. MUST NOT keep the process alive by itself. */
  every(milliseconds: number, task: () => void): () => void;
}
