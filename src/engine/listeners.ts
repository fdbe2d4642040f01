export interface ListenersOptions<T> {
  /** Somebody wants to be told, and nobody did before. */
  onFirstAdded?(): void;
  /** Nobody wants to be told any more. */
  onLastRemoved?(): void;
  /** One of them failed: the others are told all the same. Without it, whoever tells gets the fault. */
  onError?(error: unknown, value: T): void;
}

/** Those who want to be told each time something changes. */
export class Listeners<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private readonly options: ListenersOptions<T> = {}) {}

  /** Whether nobody wants to be told. */
  get isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** Returns a function that ends it. */
  add(listener: (value: T) => void): () => void {
    if (this.isEmpty) this.options.onFirstAdded?.();
    this.listeners.add(listener);
    return () => {
      if (this.listeners.delete(listener) && this.isEmpty) this.options.onLastRemoved?.();
    };
  }

  notify(value: T): void {
    const { onError: failed } = this.options;
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
