import { type OutboxStorage, type Pending, STORAGE_TIMEOUT_MS } from "../options.ts";
import { type Timing, within } from "../timing.ts";

/** What is pending, in the caller's storage. */
export interface OutboxPersistence {
  /** Whether what is pending outlives this program. */
  readonly isPersistent: boolean;
  /**
   * Reads the place of `user`, or that of whoever signs in next. What was kept there is given to `onKept` once, and from
   * then on what is pending is saved in the user's place. Resolves when that is so, or when the storage has failed, or has
   * not answered in `STORAGE_TIMEOUT_MS`. A place that could not be read is not written either: it may hold something. The next
   * call reads it again, and does not wait for that.
   */
  load(user: string | undefined): Promise<void>;
  /** Writes, one writing at a time, the newest state last. */
  save(pending: readonly Pending[]): void;
  /** Resolves when everything is written, or given up. */
  settled(): Promise<unknown>;
}

export function createOutboxPersistence(
  storage: OutboxStorage | undefined,
  conversation: string,
  timing: Timing,
  onLoaded: (kept: readonly Pending[]) => void,
  onError: (error: unknown) => void,
): OutboxPersistence {
  /** The place that is written. */
  let currentKey: string | undefined;
  const known = new Set<string>();
  /** Places that nobody waits for any more. */
  const attempted = new Set<string>();
  /** Places that may hold something. */
  const nonEmpty = new Set<string>();
  /** What is to be written, by place. */
  const waiting = new Map<string, readonly Pending[]>();
  let reading: Promise<unknown> = Promise.resolve();
  let writing: Promise<unknown> = Promise.resolve();

  function attempt(name: string, task: () => unknown): Promise<void> {
    return within(timing, STORAGE_TIMEOUT_MS, name, Promise.resolve().then(task)).then(() => {}, onError);
  }

  function save(pending: readonly Pending[], at = currentKey): void {
    if (at === undefined) return;
    if (pending.length > 0) nonEmpty.add(at);
    waiting.set(at, pending);
    writing = writing.then(write);
  }

  async function write(): Promise<void> {
    // Whoever was asked before has written what is newer.
    for (const [at, pending] of waiting) {
      waiting.delete(at);
      await attempt("storage.save", () => storage!.save(at, pending));
    }
  }

  return {
    isPersistent: storage !== undefined,
    load(user) {
      const key = `${user ?? ""}/${conversation}`;
      if (storage === undefined || known.has(key)) return Promise.resolve();
      const done = attempt("storage.load", async () => {
        const kept = (await storage.load(key)) ?? [];
        if (known.has(key)) return;
        known.add(key);
        if (kept.length > 0) nonEmpty.add(key);
        const anonymousKey = `/${conversation}`;
        if (currentKey === undefined || currentKey === anonymousKey) currentKey = key;
        onLoaded(kept);
        // It has an owner now, whose place holds it.
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
