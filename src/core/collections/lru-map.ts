/**
 * A map that stays within `capacity` entries: the one touched longest ago makes room for a new one. State that is kept
 * for names from outside (accounts that are tried, addresses) lives here, so that inventing names costs no memory.
 */
export class LruMap<Value> {
  private readonly entries = new Map<string, Value>();
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Reads without touching. */
  get(key: string): Value | undefined {
    return this.entries.get(key);
  }

  /** Stores and touches. */
  set(key: string, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size > this.capacity) this.entries.delete(this.entries.keys().next().value!);
  }

  /** The keys, the longest untouched first. */
  keys(): IterableIterator<string> {
    return this.entries.keys();
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  /**
   * Drops the least recently used entries, up to the first that `expired` denies; each call costs as much as it drops.
   */
  sweep(expired: (value: Value) => boolean): void {
    for (const [key, value] of this.entries) {
      if (!expired(value)) return;
      this.entries.delete(key);
    }
  }
}
