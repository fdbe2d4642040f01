/** A report that was held back in one window. */
export interface SuppressedRepeats<T> {
  /** How many times it was held back. */
  readonly repeated: number;
  /** The value that was given with the last of them. */
  readonly latest: T;
  /** Whether they had different keys, because a group was full. */
  readonly mixed: boolean;
}

/** Reports that share a capacity. */
export interface RepeatGroup {
  readonly name: string;
  /** How many different reports of the group are remembered at once. */
  readonly capacity: number;
}

/** The key and groups under which a report is counted. */
export interface RepeatKey {
  /** Reports of one key are repeats of each other. Of bounded length: keys are kept. Never a group's name. */
  readonly key: string;
  /** The groups it belongs to, each within the next. The callers' last groups must be few. */
  readonly groups: readonly RepeatGroup[];
}

interface Window<T> {
  readonly until: number;
  /** The groups whose capacity it uses. */
  readonly groups: readonly RepeatGroup[];
  readonly mixed: boolean;
  repeated: number;
  latest: T;
}

/**
 * Decides which of many similar reports pass (SEC-P2): the first of each key in a window, and at the end of the window
 * one more with the number of repeats.
 *
 *     offer   a  a  a  a                 a
 *     ────────┼──────────── window ───┼──┼────
 *     report  a                  a ×3    a
 *
 * Each group holds `capacity` reports. New keys beyond that (invented user names, addresses) are counted under the name of
 * the group, so that a client can drive up neither memory nor the number of reports, and no other group loses a report.
 */
export class RepeatFilter<T> {
  private readonly windows = new Map<string, Window<T>>();
  /** Number of reports that each group holds. */
  private readonly sizes = new Map<string, number>();

  private readonly span: number;

  /** `span` is a window's length in milliseconds. */
  constructor(span: number) {
    this.span = span;
  }

  /** Returns whether to report this one now; if not it is counted. Call `takeEnded` first, or an old window still counts. */
  offer({ key, groups }: RepeatKey, latest: T, now: number): boolean {
    const names = [key, ...groups.map(({ name }) => name)];
    const at = names.findIndex(
      (name, index) => this.windows.has(name) || this.haveCapacity(groups.slice(index)),
    );
    const name = names[at]!;
    const window = this.windows.get(name);
    if (window !== undefined) {
      window.repeated++;
      window.latest = latest;
      return false;
    }
    const taken = groups.slice(at);
    this.windows.set(name, { until: now + this.span, groups: taken, mixed: at > 0, repeated: 0, latest });
    for (const group of taken) this.sizes.set(group.name, this.sizeOf(group) + 1);
    return true;
  }

  /** Removes the windows that have ended by `now`, and returns those in which a report was held back. */
  takeEnded(now: number): SuppressedRepeats<T>[] {
    const repeats: SuppressedRepeats<T>[] = [];
    // All windows are equally long, so the order in which they began is the order in which they end.
    for (const [name, { until, groups, mixed, repeated, latest }] of this.windows) {
      if (until > now) break;
      this.windows.delete(name);
      for (const group of groups) {
        const size = this.sizeOf(group) - 1;
        if (size > 0) this.sizes.set(group.name, size);
        else this.sizes.delete(group.name);
      }
      if (repeated > 0) repeats.push({ repeated, latest, mixed });
    }
    return repeats;
  }

  /** True for no groups: a report counted under the name of the last group always has capacity. */
  private haveCapacity(groups: readonly RepeatGroup[]): boolean {
    return groups.every((group) => this.sizeOf(group) < group.capacity);
  }

  private sizeOf({ name }: RepeatGroup): number {
    return this.sizes.get(name) ?? 0;
  }
}
