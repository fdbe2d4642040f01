// The guard against floods on one connection, apart from the hourly plan (M2): a token bucket that may fall below 0, so
// that the client gets warnings before the connection is closed.
//
//        +size ─┐ frames pass
//             0 ┼ first warning     frames still pass; the warning asks the client to slow down
//         −size ┼ second warning
//        −2size ┼ third warning
//        −3size ┴ closed with 4429
//
// The bucket refills at `rate` frames a second. With the defaults (rate 20, size 40) a normal client can send its first
// hundred requests at once, and a client that does not stop is closed after 160.

/** The number of warnings before the close: after each, as many frames pass as the bucket holds. */
const WARNINGS_BEFORE_CLOSE = 3;

export interface BurstRule {
  /** Frames a second; 0 switches the guard off. */
  readonly rate: number;
  /** Frames that may come at once. */
  readonly size: number;
}

/** `level` frames were left in the bucket at `updatedAt` (milliseconds). */
export interface TokenBucket {
  readonly level: number;
  readonly updatedAt: number;
  /**
   * Warnings sent since the bucket was last full. A sender slightly above the rate crosses the same level many times, and
   * gets one warning for it.
   */
  readonly warnings: number;
}

export type FloodVerdict = "pass" | "warn" | "close";

/** A bucket that has not been used. */
export function fullBucket(rule: BurstRule, now: number): TokenBucket {
  return { level: rule.size, updatedAt: now, warnings: 0 };
}

/** Takes one frame out of the bucket, and returns whether it passes, passes with a warning, or closes the connection. */
export function consumeFrame(
  bucket: TokenBucket,
  rule: BurstRule,
  now: number,
): { bucket: TokenBucket; verdict: FloodVerdict } {
  if (rule.rate === 0) return { bucket, verdict: "pass" };
  const refilled = refilledLevel(bucket, rule, now);
  const level = refilled - 1;
  const given = refilled >= rule.size ? 0 : bucket.warnings;
  const due = bucketsOwed(level, rule);
  const next = { level, updatedAt: now, warnings: Math.max(given, due) };
  if (level < -WARNINGS_BEFORE_CLOSE * rule.size) return { bucket: next, verdict: "close" };
  return { bucket: next, verdict: due > given ? "warn" : "pass" };
}

/**
 * Returns the level of a bucket at `now`. The bucket stores a level, and not a time like gcra.ts, because warnings depend on
 * numbers of frames, and at a million frames a second a time in milliseconds is not precise enough.
 */
export function refilledLevel(
  bucket: Pick<TokenBucket, "level" | "updatedAt">,
  { rate, size }: BurstRule,
  now: number,
): number {
  return Math.min(size, bucket.level + ((now - bucket.updatedAt) / 1000) * rate);
}

/** Seconds until a client that stops now may send a whole bucketful again. */
export function secondsToRefill(bucket: TokenBucket, rule: BurstRule): number {
  return Math.ceil((rule.size - bucket.level) / rule.rate);
}

function bucketsOwed(level: number, rule: BurstRule): number {
  return level >= 0 ? 0 : Math.ceil(-level / rule.size);
}
