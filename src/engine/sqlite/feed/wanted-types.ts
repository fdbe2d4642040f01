import type { Database } from "bun:sqlite";
import { CountedTypes } from "../../../core/feed/counted-types.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";

/** The types of OPTIONAL_EVENT_TYPES that count as read (EV5). They are in the store, and in memory. */
export class WantedTypes extends CountedTypes {
  /** `now`: the store's time. */
  constructor(
    private readonly db: Database,
    now: () => number,
  ) {
    super(now);
    const rows = db.query("select type, until from wanted_event").all();
    for (const { type, until } of rows as { type: FeedEventType; until: number }[]) this.note(type, until);
  }

  want(types: readonly FeedEventType[], until: number): void {
    const later = this.lacking(types, until);
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
    for (const type of later) this.note(type, until);
  }
}
