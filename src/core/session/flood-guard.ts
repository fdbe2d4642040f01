// The guard against floods on one connection, apart from the hourly plan (M2): a token bucket that may fall below 0, so
// that the client gets warnings before the connection is closed.
//
//        +size ─┐ frames pass
//             0 ┼ first warning     frames still pass; the warning asks the client to slow down
//         −size ┼ second warning
//        −2size ┼ third warning
//        −3size ┴ closed with 4429
//
// The bucket refills at `rate` frames a second. With the defaults (20 a second, 40) a client that means well can
// send its first hundred requests in one go, and one that does not stop is gone after 160.

/** How many bucketfuls beyond the first are let through with a warning. */
const WARNINGS_BEFORE_CLOSE = 3;

export interface BurstRule {
  /** Frames a second; 0 switches the guard off. */
  readonly rate: number;
  /** Frames that may come at once. */
  readonly size: number;
}

/** `level` frames were left in the bucket at time `at` (milliseconds). */
export interface TokenBucket {
  readonly level: number;
  readonly updatedAt: number;
  /** Given since the bucket was last full. A sender just over the rate hovers around a line for long: one warning will do. */
  readonly warnings: number;
}

export type FloodVerdict = "pass" | "warn" | "close";

/** A bucket that has not been used. */
export function fullBucket(rule: BurstRule, now: number): TokenBucket {
  return { level: rule.size, updatedAt: now, warnings: 0 };
}

/** Takes one frame out of the bucket and says what that means. */
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
 * Returns the level of a bucket at `now`. Kept as a level and not as a moment, as gcra.ts does: debts are in frames, and at a
 * million frames a second moments in milliseconds have too few digits.
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
