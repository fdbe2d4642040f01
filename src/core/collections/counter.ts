/** Counts per key. Keys at zero are removed. */
export class Counter {
  private readonly counts = new Map<string, number>();

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: string): void {
    this.counts.set(name, this.of(name) + 1);
  }

  /** One less, but not less than none. */
  remove(name: string): void {
    const count = this.of(name);
    if (count > 1) this.counts.set(name, count - 1);
    else this.counts.delete(name);
  }
}
