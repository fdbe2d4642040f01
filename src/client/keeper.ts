import { type OutboxStorage, type Pending, STORAGE_WAIT } from "./options.ts";
import { type Timing, within } from "./timing.ts";

/** What is pending, in the caller's storage. */
export interface Keeper {
  /** Whether what is pending outlives this program. */
  readonly isKeeping: boolean;
  /**
   * Reads the place of `user`, or that of whoever signs in next. What was kept there is given to `onKept` once, and from
   * then on what is pending is saved in the user's place. Resolves when that is so, or when the storage has failed, or has
   * not answered in `STORAGE_WAIT`. A place that could not be read is not written either: it may hold something. The next
   * call reads it again, and does not wait for that.
   */
  read(user: string | undefined): Promise<void>;
  /** Writes, one writing at a time, the newest state last. */
  save(pending: readonly Pending[]): void;
  /** Resolves when everything is written, or given up. */
  settled(): Promise<unknown>;
}

export function createKeeper(
  storage: OutboxStorage | undefined,
  conversation: string,
  timing: Timing,
  onKept: (kept: readonly Pending[]) => void,
  onFault: (error: unknown) => void,
): Keeper {
  /** The place that is written. */
  let place: string | undefined;
  const known = new Set<string>();
  /** Places that nobody waits for any more. */
  const givenUp = new Set<string>();
  /** Places that may hold something. */
  const filled = new Set<string>();
  /** What is to be written, by place. */
  const waiting = new Map<string, readonly Pending[]>();
  let reading: Promise<unknown> = Promise.resolve();
  let writing: Promise<unknown> = Promise.resolve();

  function attempt(name: string, task: () => unknown): Promise<void> {
    return within(timing, STORAGE_WAIT, name, Promise.resolve().then(task)).then(() => {}, onFault);
  }

  function save(pending: readonly Pending[], at = place): void {
    if (at === undefined) return;
    if (pending.length > 0) filled.add(at);
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
    isKeeping: storage !== undefined,
    read(user) {
      const name = `${user ?? ""}/${conversation}`;
      if (storage === undefined || known.has(name)) return Promise.resolve();
      const done = attempt("storage.load", async () => {
        const kept = (await storage.load(name)) ?? [];
        if (known.has(name)) return;
        known.add(name);
        if (kept.length > 0) filled.add(name);
        const nobodys = `/${conversation}`;
        if (place === undefined || place === nobodys) place = name;
        onKept(kept);
        // It has an owner now, whose place holds it.
        if (place !== nobodys && filled.delete(nobodys)) save([], nobodys);
      });
      reading = Promise.all([reading, done]);
      if (givenUp.has(name)) return Promise.resolve();
      return done.then(() => void givenUp.add(name));
    },
    save,
    settled: () => reading.then(() => writing),
  };
}
