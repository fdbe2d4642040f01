import type { OutboxStorage, Pending } from "./options.ts";

/** What is pending, in the caller's storage. */
export interface Keeper {
  /** Whether what is pending outlives this program. */
  isKeeping(): boolean;
  /** Reads once what was kept under `key`. A storage that cannot be read is not written either: it may hold something. */
  load(key: string): Promise<readonly Pending[]>;
  /** Writes, one writing at a time, the newest state last. */
  save(pending: readonly Pending[]): void;
  /** Resolves when everything is written. */
  settled(): Promise<unknown>;
}

export function createKeeper(storage: OutboxStorage | undefined, onFault: (error: unknown) => void): Keeper {
  let key: string | undefined;
  let next: readonly Pending[] | undefined;
  let writing: Promise<unknown> = Promise.resolve();

  async function attempt<T>(task: () => T): Promise<Awaited<T> | undefined> {
    try {
      return await task();
    } catch (error) {
      onFault(error);
    }
  }

  async function write(): Promise<void> {
    const pending = next;
    next = undefined;
    // Whoever was asked before has written what is newer.
    if (pending !== undefined) await attempt(() => storage!.save(key!, pending));
  }

  return {
    isKeeping: () => key !== undefined,
    async load(name) {
      if (storage === undefined || key !== undefined) return [];
      const kept = await attempt(() => storage.load(name));
      if (kept !== undefined) key = name;
      return kept ?? [];
    },
    save(pending) {
      if (key === undefined) return;
      next = pending;
      writing = writing.then(write);
    },
    settled: () => writing,
  };
}
