import type { Database } from "bun:sqlite";
import { type FeedEventType, OPTIONAL_EVENT_TYPES } from "../../../protocol/feed/event-types.ts";

/** The types of OPTIONAL_EVENT_TYPES that count as read (EV5). They are in the store, and in memory. */
export class WantedTypes {
  private readonly until = new Map<FeedEventType, number>();
  private types: ReadonlySet<FeedEventType> = new Set();
  /** Until when `types` is right, in milliseconds since 1970. */
  private rightUntil = 0;

  /** `now`: the store's time. */
  constructor(
    private readonly db: Database,
    private readonly now: () => number,
  ) {
    const rows = db.query("select type, until from wanted_event").all();
    for (const { type, until } of rows as { type: FeedEventType; until: number }[])
      this.until.set(type, until);
  }

  want(types: readonly FeedEventType[], until: number): void {
    const later = types.filter(
      (type) => OPTIONAL_EVENT_TYPES.has(type) && (this.until.get(type) ?? 0) < until,
    );
    if (later.length === 0) return;
    const write = this.db.query(
      `insert into wanted_event values (?, ?)
       on conflict do update set until = max(until, excluded.until)`,
    );
    this.db
      .transaction(() => {
        for (const type of later) write.run(type, until);
      })
      .immediate();
    for (const type of later) this.until.set(type, until);
    this.rightUntil = 0;
  }

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
