import { type FeedEventType, OPTIONAL_EVENT_TYPES } from "../../protocol/feed/event-types.ts";

/** The types of OPTIONAL_EVENT_TYPES that count as read (EV5), each until a time. The store keeps the times; this is its memory. */
export class CountedTypes {
  private readonly until = new Map<FeedEventType, number>();
  private types: ReadonlySet<FeedEventType> = new Set();
  /** Until when `types` is right, in milliseconds since 1970. */
  private rightUntil = 0;

  /** `now`: the store's time, in milliseconds since 1970. */
  constructor(private readonly now: () => number) {}

  /** Returns those of `types` that do not count until this time yet. */
  lacking(types: readonly FeedEventType[], until: number): FeedEventType[] {
    return types.filter((type) => OPTIONAL_EVENT_TYPES.has(type) && (this.until.get(type) ?? 0) < until);
  }

  /** Notes that a type counts until this time, if it does not count for longer already. */
  note(type: FeedEventType, until: number): void {
    if ((this.until.get(type) ?? 0) >= until) return;
    this.until.set(type, until);
    this.rightUntil = 0;
  }

  /** Returns the types that count now. It is cheap: it is asked for each event. */
  wanted(): ReadonlySet<FeedEventType> {
    const now = this.now();
    if (now < this.rightUntil) return this.types;
    const entries = [...this.until].filter(([, until]) => until > now);
    this.types = new Set(entries.map(([type]) => type));
    this.rightUntil = Math.min(Number.MAX_SAFE_INTEGER, ...entries.map(([, until]) => until));
    return this.types;
  }

  /** Whether an event of this type is written now. */
  counts(type: FeedEventType): boolean {
    return !OPTIONAL_EVENT_TYPES.has(type) || this.wanted().has(type);
  }
}
