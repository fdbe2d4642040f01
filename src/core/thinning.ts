/** Something that happened more often within one window than it was reported. */
export interface Repeats<T> {
  /** How many times it was held back. */
  readonly repeated: number;
  /** What was given with the last of them. */
  readonly latest: T;
}

interface Window<T> {
  readonly until: number;
  repeated: number;
  latest: T;
}

/**
 * Decides which of many like reports are let through (P2): the first of each key in a window, and when the window has
 * ended one more that says how often it was repeated.
 *
 *     offer   a  a  a  a                 a
 *     ────────┼──────────── window ───┼──┼────
 *     report  a                  a ×3    a
 *
 * Holds at most `capacity` keys. Who invents new keys beyond that (user names, addresses) is thinned under the
 * `fallback` key, so that neither memory nor the number of reports can be driven up from outside. The caller's
 * fallback keys must be few: they have a place of their own, always.
 */
export class Thinning<T> {
  private readonly windows = new Map<string, Window<T>>();

  private readonly span: number;
  private readonly capacity: number;

  /** `span` is a window's length in milliseconds. */
  constructor(span: number, capacity: number) {
    this.span = span;
    this.capacity = capacity;
  }

  /** Whether to report this one now; if not it is counted. Call `ended` first, or an old window still counts. */
  offer(key: string, fallback: string, latest: T, now: number): boolean {
    const place = this.windows.has(key) || this.windows.size < this.capacity ? key : fallback;
    const window = this.windows.get(place);
    if (window === undefined) {
      this.windows.set(place, { until: now + this.span, repeated: 0, latest });
      return true;
    }
    window.repeated++;
    window.latest = latest;
    return false;
  }

  /** Forgets the windows that have ended by `now`, and answers those in which something was held back. */
  ended(now: number): Repeats<T>[] {
    const repeats: Repeats<T>[] = [];
    // All windows are equally long, so the order in which they began is the order in which they end.
    for (const [key, { until, repeated, latest }] of this.windows) {
      if (until > now) break;
      this.windows.delete(key);
      if (repeated > 0) repeats.push({ repeated, latest });
    }
    return repeats;
  }
}
