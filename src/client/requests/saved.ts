import { STORAGE_TIMEOUT_MS } from "../options.ts";
import { type Timing, within } from "../timing.ts";
import type { ClientStorage, Pending } from "../types/options.ts";

/** The pending messages of one conversation in the application's storage. */
export interface Saved {
  /**
   * Reads the messages, once. Resolves when that is done, or when the storage failed or did not respond within
   * `STORAGE_TIMEOUT_MS`; it is then read again at the next call. What could not be read is not written either: it may hold messages.
   */
  load(): Promise<unknown>;
  /** Writes one state at a time, the newest last. */
  save(pending: readonly Pending[]): void;
  /** Resolves when everything is written or has timed out. */
  settled(): Promise<unknown>;
}

export function createSaved(
  storage: ClientStorage,
  key: string,
  timing: Timing,
  onLoaded: (kept: readonly Pending[]) => void,
  onError: (error: unknown) => void,
): Saved {
  let isLoaded = false;
  let reading: Promise<unknown> | undefined;
  let writing: Promise<unknown> = Promise.resolve();
  /** The state that is to be written. */
  let next: readonly Pending[] | undefined;

  const attempt = (name: string, task: () => unknown) =>
    within(timing, STORAGE_TIMEOUT_MS, name, Promise.resolve().then(task)).catch(onError);

  return {
    load() {
      if (isLoaded) return Promise.resolve();
      reading ??= attempt("storage.load", async () => {
        const kept = (await storage.load(key)) ?? [];
        isLoaded = true;
        onLoaded(kept);
      }).finally(() => {
        reading = undefined;
      });
      return reading;
    },
    save(pending) {
      if (!isLoaded) return;
      next = pending;
      writing = writing.then(() => {
        const value = next;
        next = undefined;
        // An earlier call has written a newer value.
        return value && attempt("storage.save", () => storage.save(key, value));
      });
    },
    settled: () => Promise.resolve(reading).then(() => writing),
  };
}
