export interface ListenersOptions<T> {
  /** Called when the first listener is added. */
  onFirstAdded?(): void;
  /** Called when the last listener is removed. */
  onLastRemoved?(): void;
  /** Called with the error of a listener; the other listeners are still called. Without it, `notify` throws that error. */
  onError?(error: unknown, value: T): void;
}

/** The functions that are called each time a value changes. */
export class Listeners<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private readonly options: ListenersOptions<T> = {}) {}

  /** Whether there is no listener. */
  get isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** Adds a listener. Returns a function that removes it. */
  add(listener: (value: T) => void): () => void {
    if (this.isEmpty) this.options.onFirstAdded?.();
    this.listeners.add(listener);
    return () => {
      if (this.listeners.delete(listener) && this.isEmpty) this.options.onLastRemoved?.();
    };
  }

  notify(value: T): void {
    const { onError } = this.options;
    for (const listener of this.listeners) {
      try {
        listener(value);
      } catch (error) {
        if (onError === undefined) throw error;
        onError(error, value);
      }
    }
  }

  clear(): void {
    this.listeners.clear();
  }
}
