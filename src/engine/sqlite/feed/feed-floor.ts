import type { Database, Statement } from "bun:sqlite";
import { type FeedRetention, feedHorizon } from "../../../core/feed/retention.ts";
import type { EventTable } from "./event-table.ts";
import { type LogEvents, lastBefore, type PlacedTime } from "./log-events.ts";
import type { FeedPlace } from "./place.ts";

/** For how long a floor is taken as it is, in milliseconds. */
const FLOOR_MS = 1_000;
/** The rows that one call of `prune` deletes. */
const PRUNE_ROWS = 500;

export interface FeedFloorDeps {
  readonly db: Database;
  readonly log: LogEvents;
  readonly table: EventTable;
  readonly retention: FeedRetention;
  readonly lastPosition: () => number;
  readonly now: () => number;
}

/** What is kept of the feed: events of RETENTION_EVENT_DAYS, in rows of RETENTION_EVENT_BYTES. Messages are kept by the log. */
export class FeedFloor {
  private readonly oldest: Statement<{ number: number; at: number; size: number }>;
  private readonly newest: Statement<{ number: number; size: number }>;
  private readonly remove: Statement;
  private readonly timeAfter: Statement<PlacedTime>;
  private logFloor = 0;
  private eventFloor = 0;
  /** When the floors were found, in milliseconds since 1970. */
  private foundAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: FeedFloorDeps) {
    const { db } = deps;
    this.oldest = db.prepare("select number, at, size from event order by number limit ?");
    this.newest = db.prepare("select number, size from event order by number desc limit 1");
    this.timeAfter = db.prepare(
      "select number as place, at from event where number > ? order by number limit 1",
    );
    this.remove = db.prepare("delete from event where number <= ?");
  }

  /** The place before the oldest event that is kept, and the time before which events are not kept. */
  place(): FeedPlace {
    const { log, table, retention, lastPosition, now } = this.deps;
    const horizon = feedHorizon(retention, now());
    if (now() >= this.foundAt + FLOOR_MS) {
      this.logFloor = log.lastBefore(horizon, this.logFloor, lastPosition());
      const from = Math.max(this.eventFloor, table.floor);
      this.eventFloor = lastBefore(horizon, from, table.last, (number) => this.timeAfter.get(number));
      this.foundAt = now();
    }
    // Rows may have been deleted early, because they were too many bytes.
    const event = Math.max(this.eventFloor, table.floor);
    return { log: this.logFloor, event, at: Math.max(horizon, this.timeAfter.get(event)?.at ?? 0) };
  }

  /** Deletes some of the oldest rows that are not kept; the newest row of all stays. Throws when another process holds the lock. */
  prune(): void {
    const { retention, now } = this.deps;
    const horizon = feedHorizon(retention, now());
    const newest = this.newest.get();
    if (newest === null) return;
    const isKept = ({ number, at, size }: { number: number; at: number; size: number }) =>
      number === newest.number || (at >= horizon && newest.size - size <= retention.bytes);
    const [first] = this.oldest.all(1);
    if (first === undefined || isKept(first)) return;
    const gone = this.oldest.all(PRUNE_ROWS).filter((row) => !isKept(row));
    this.remove.run(gone.at(-1)!.number);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.oldest, this.newest, this.timeAfter, this.remove]) statement.finalize();
  }
}
