/** Eight buckets for each doubling: a quantile is at most 9 % above the measured value. */
const BUCKETS_PER_DOUBLING = 8;

/** Shorter times are in the first bucket, in milliseconds. */
const SHORTEST_MS = 0.001;

/** Up to 19 hours; longer times are in the last bucket. */
const BUCKETS = 36 * BUCKETS_PER_DOUBLING;

/** How measured times lie, in milliseconds, in a fixed memory whatever their number. */
export class LogHistogram {
  private readonly counts = new Float64Array(BUCKETS);
  private total = 0;
  private longest = 0;

  observe(milliseconds: number): void {
    this.counts[bucketOf(milliseconds)]!++;
    this.total++;
    if (milliseconds > this.longest) this.longest = milliseconds;
  }

  /** Adds what another one has measured. */
  add(other: LogHistogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.counts[bucket]! += other.counts[bucket]!;
    this.total += other.total;
    this.longest = Math.max(this.longest, other.longest);
  }

  get count(): number {
    return this.total;
  }

  get max(): number {
    return this.longest;
  }

  /** Returns the time that a `share` (0–1) of all does not exceed, and at most 9 % more; 0 of none. */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.total);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS && rank > 0; bucket++) {
      seen += this.counts[bucket]!;
      if (seen >= rank) return Math.min(upperBoundOf(bucket), this.longest);
    }
    return 0;
  }
}

function bucketOf(milliseconds: number): number {
  if (!(milliseconds > SHORTEST_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log2(milliseconds / SHORTEST_MS) * BUCKETS_PER_DOUBLING));
}

function upperBoundOf(bucket: number): number {
  return SHORTEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING);
}
