export interface WatchersOptions<T> {
  /** Somebody wants to be told, and nobody did before. */
  begin?(): void;
  /** Nobody wants to be told any more. */
  end?(): void;
  /** One of them failed: the others are told all the same. Without it, whoever tells gets the fault. */
  failed?(error: unknown, value: T): void;
}

/** Those who want to be told each time something changes. */
export class Watchers<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private readonly options: WatchersOptions<T> = {}) {}

  /** Whether nobody wants to be told. */
  get none(): boolean {
    return this.listeners.size === 0;
  }

  /** Answers a function that ends it. */
  add(listener: (value: T) => void): () => void {
    if (this.none) this.options.begin?.();
    this.listeners.add(listener);
    return () => {
      if (this.listeners.delete(listener) && this.none) this.options.end?.();
    };
  }

  tell(value: T): void {
    const { failed } = this.options;
    for (const listener of this.listeners) {
      try {
        listener(value);
      } catch (error) {
        if (failed === undefined) throw error;
        failed(error, value);
      }
    }
  }

  clear(): void {
    this.listeners.clear();
  }
}
