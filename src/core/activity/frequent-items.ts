/** A name, and how often it came. */
export interface FrequentItem {
  readonly name: string;
  readonly count: number;
}

/**
 * Counts how often names come, in bounded memory: those that come most are kept, however many there are (Misra and Gries 1982).
 *
 * It holds at most `2 × capacity` names. When it is full, the count of the name at rank `capacity + 1` is taken off all, and
 * names without a count are dropped. So a count may lack up to `error`, which is at most the number of all that came, divided by
 * `capacity + 1`, and a name that came more often than that is never missing. Adding one takes the same time on average
 * for any number of names.
 */
export class FrequentItems {
  private readonly counters = new Map<string, { count: number }>();
  private lacking = 0;

  constructor(private readonly capacity: number) {}

  /** The most that any count may lack. */
  get error(): number {
    return this.lacking;
  }

  add(name: string): void {
    const counter = this.counters.get(name);
    if (counter !== undefined) {
      counter.count++;
      return;
    }
    if (this.counters.size >= 2 * this.capacity) this.shrink();
    this.counters.set(name, { count: 1 });
  }

  /** All names that are kept, in no order. */
  *items(): Generator<FrequentItem> {
    for (const [name, { count }] of this.counters) yield { name, count };
  }

  private shrink(): void {
    const counts = Float64Array.from(this.counters.values(), ({ count }) => count).sort();
    const by = counts[counts.length - 1 - this.capacity]!;
    for (const [name, counter] of this.counters) {
      counter.count -= by;
      if (counter.count <= 0) this.counters.delete(name);
    }
    this.lacking += by;
  }
}

/** Adds up the counts of several counters, and returns the `limit` names that came most, by count and name. */
export function mostFrequent(counters: readonly FrequentItems[], limit: number): FrequentItem[] {
  const sums = new Map<string, number>();
  for (const counter of counters)
    for (const { name, count } of counter.items()) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums]
    .map(([name, count]) => ({ name, count }))
    .sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1))
    .slice(0, limit);
}
