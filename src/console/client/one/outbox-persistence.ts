import { STORAGE_TIMEOUT_MS } from "../../../client/options.ts";
import { type Timing, within } from "../../../client/timing.ts";
import type { OutboxStorage, Pending } from "./options.ts";

/** Keeps pending messages in the application's storage. */
export interface OutboxPersistence {
  /** Whether pending messages survive the end of this program. */
  readonly isPersistent: boolean;
  /**
   * Reads the key of `user`, or the anonymous key of the user who signs in next. Passes its messages to `onLoaded` once;
   * from then on pending messages are saved under that key. Resolves when that is done, or when the storage failed or did
   * not respond within `STORAGE_TIMEOUT_MS`. A key that could not be read is not written either: it may hold messages. The
   * next call reads it again, without waiting for the result.
   */
  load(user: string | undefined): Promise<void>;
  /** Writes one state at a time, the newest last. */
  save(pending: readonly Pending[]): void;
  /** Resolves when everything is written or has timed out. */
  settled(): Promise<unknown>;
}

export function createOutboxPersistence(
  storage: OutboxStorage | undefined,
  conversation: string,
  timing: Timing,
  onLoaded: (kept: readonly Pending[]) => void,
  onError: (error: unknown) => void,
): OutboxPersistence {
  /** The key that is written. */
  let currentKey: string | undefined;
  const loaded = new Set<string>();
  /** Keys whose first reading was waited for: later readings are not. */
  const attempted = new Set<string>();
  /** Keys that may hold messages. */
  const nonEmpty = new Set<string>();
  /** Values to write, by key. */
  const waiting = new Map<string, readonly Pending[]>();
  let reading: Promise<unknown> = Promise.resolve();
  let writing: Promise<unknown> = Promise.resolve();

  function attempt(name: string, task: () => unknown): Promise<void> {
    return within(timing, STORAGE_TIMEOUT_MS, name, Promise.resolve().then(task)).then(() => {}, onError);
  }

  function save(pending: readonly Pending[], key = currentKey): void {
    if (key === undefined) return;
    if (pending.length > 0) nonEmpty.add(key);
    waiting.set(key, pending);
    writing = writing.then(write);
  }

  async function write(): Promise<void> {
    // An earlier call may already have written a newer value: then nothing is waiting.
    for (const [key, pending] of waiting) {
      waiting.delete(key);
      await attempt("storage.save", () => storage!.save(key, pending));
    }
  }

  return {
    isPersistent: storage !== undefined,
    load(user) {
      const key = `${user ?? ""}/${conversation}`;
      if (storage === undefined || loaded.has(key)) return Promise.resolve();
      const done = attempt("storage.load", async () => {
        const kept = (await storage.load(key)) ?? [];
        if (loaded.has(key)) return;
        loaded.add(key);
        if (kept.length > 0) nonEmpty.add(key);
        const anonymousKey = `/${conversation}`;
        if (currentKey === undefined || currentKey === anonymousKey) currentKey = key;
        onLoaded(kept);
        // The anonymous messages now belong to a user and are saved under that user's key.
        if (currentKey !== anonymousKey && nonEmpty.delete(anonymousKey)) save([], anonymousKey);
      });
      reading = Promise.all([reading, done]);
      if (attempted.has(key)) return Promise.resolve();
      return done.then(() => void attempted.add(key));
    },
    save,
    settled: () => reading.then(() => writing),
  };
}
