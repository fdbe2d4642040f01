/** Those who want to be told each time something changes. */
export class Watchers<T> {
  private readonly listeners = new Set<(value: T) => void>();

  /** Answers a function that ends it. */
  add(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.listeners) listener(value);
  }

  clear(): void {
    this.listeners.clear();
  }
}
