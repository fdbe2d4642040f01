// The port for whether the store can be used now.

export interface StoreHealth {
  /** Returns false while the store cannot be written. */
  ready(): boolean;

  /**
   * Returns whether every conversation and user can be written, for `/readyz`. False while `ready()` is false, and while a part
   * of the store cannot be written although the rest serves.
   */
  allWritable(): boolean;

  /**
   * Whether a call on the store ended with `error` because the store, or the part of it that was called, could not be
   * reached. Another part may be reachable meanwhile.
   */
  isUnavailable(error: unknown): boolean;

  /** Calls `listener` each time `ready()` changes; clients get `degraded` and `recovered` (L3). Returns a function that stops it. */
  watchReady(listener: (ready: boolean) => void): () => void;
}
