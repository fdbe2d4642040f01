/** How often it is looked whether memory should be tidied, in milliseconds. */
export const TIDY_INTERVAL = 2_000;

/** Connections by which their number must have changed: what fewer leave behind is not worth a look. */
const MANY = 500;

/** A change between two looks, as a share of all, below which the rush is over. */
const CALM_SHARE = 0.02;

/**
 * Says when to collect garbage: once after many have come or gone. A rush of handshakes leaves half of the heap empty,
 * and a runtime in which little happens afterwards has no reason of its own to look at it for minutes.
 */
export class Tidying {
  private tidiedAt = 0;
  private lookedAt = 0;

  /** Whether to collect now, with `open` connections; asked every TIDY_INTERVAL. */
  isDue(open: number): boolean {
    const calm = Math.abs(open - this.lookedAt) <= open * CALM_SHARE;
    this.lookedAt = open;
    if (!calm || Math.abs(open - this.tidiedAt) < MANY) return false;
    this.tidiedAt = open;
    return true;
  }
}
