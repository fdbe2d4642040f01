/** How often the need for a collection is checked, in milliseconds. */
export const GC_CHECK_INTERVAL_MS = 2_000;

/** The smallest change in the number of connections that justifies a collection. */
const MIN_CHANGE = 500;

/** A change between two checks, as a share of all, below which the rush is over. */
const STABLE_SHARE = 0.02;

/**
 * Says when to collect garbage: once after many have come or gone. A rush of handshakes leaves half of the heap empty,
 * and a runtime in which little happens afterwards has no reason of its own to look at it for minutes.
 */
export class GcScheduler {
  private collectedAt = 0;
  private checkedAt = 0;

  /** Whether to collect now, with `open` connections; asked every GC_CHECK_INTERVAL_MS. */
  isDue(open: number): boolean {
    const isStable = Math.abs(open - this.checkedAt) <= open * STABLE_SHARE;
    this.checkedAt = open;
    if (!isStable || Math.abs(open - this.collectedAt) < MIN_CHANGE) return false;
    this.collectedAt = open;
    return true;
  }
}
