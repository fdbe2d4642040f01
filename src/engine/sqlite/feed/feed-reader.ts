import type { FeedEvent } from "../../../core/feed/feed-event.ts";
import { acceptsEvent, type FeedFilter } from "../../../core/feed/filter.ts";
import type { FeedPage } from "../../../core/ports/feed/feed.ts";
import type { FeedEpochs } from "./epochs.ts";
import { type EventRow, type EventTable, eventOf } from "./event-table.ts";
import { createdEvent, type LogEvents, type LogRow } from "./log-events.ts";
import type { FeedPlace } from "./place.ts";

export interface FeedReaderDeps {
  readonly log: LogEvents;
  readonly table: EventTable;
  readonly epochs: FeedEpochs;
  readonly lastPosition: () => number;
  /** The store's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What a reader has got so far. */
export interface FeedReading {
  place: FeedPlace;
  readonly events: FeedEvent[];
  lost: FeedPage["lost"];
  /** How many rows were looked at. */
  examined: number;
  /** Nothing more belongs to this page. */
  isDone: boolean;
}

/** Puts the messages of the log and the rows of the table `event` into one order (place.ts). */
export class FeedReader {
  constructor(private readonly deps: FeedReaderDeps) {}

  /** The place after the newest event. */
  end(): FeedPlace {
    const { table, lastPosition, now } = this.deps;
    return { log: lastPosition(), event: table.last, at: now() };
  }

  /** Whether there are events after a place. */
  hasMore({ log, event }: FeedPlace): boolean {
    return log < this.deps.lastPosition() || event < this.deps.table.last;
  }

  /** Goes on with a reading by at most `count` rows of each kind, until it has `limit` events. */
  readOn(reading: FeedReading, filter: FeedFilter, limit: number, count: number): void {
    const { log, table, lastPosition } = this.deps;
    const last = lastPosition();
    const wantsLog = filter.types?.has("message.created") !== false;
    const rows = wantsLog ? log.after(reading.place.log, count) : [];
    const others = table.after(reading.place.event, count);
    // All rows that there are, of each kind: what comes after the last one of a cut list is not known.
    const allRows = rows.length < count;
    const allOthers = others.length < count;
    let [row, other] = [0, 0];
    while (reading.events.length < limit) {
      const message = rows[row];
      const event = others[other];
      if (message === undefined && (event === undefined || !allRows)) break;
      if (event === undefined && !allOthers) break;
      if (event !== undefined && (message === undefined || event.after < message.position)) {
        this.takeEvent(reading, event, filter);
        other++;
      } else {
        if (!this.takeMessage(reading, message!, filter)) return;
        row++;
      }
    }
    const isRead = allRows && allOthers && row === rows.length && other === others.length;
    reading.isDone = isRead || reading.events.length >= limit;
    if (isRead) this.reachEnd(reading, last, wantsLog);
  }

  private takeEvent(reading: FeedReading, row: EventRow, filter: FeedFilter): void {
    reading.examined++;
    reading.place = { ...reading.place, event: row.number, at: row.at };
    const about = { type: row.type, ...(row.conversation !== null && { conversation: row.conversation }) };
    if (acceptsEvent(filter, about))
      reading.events.push(eventOf(row, this.deps.epochs.idOf("event", row.number)));
  }

  /** Returns false where events are lost before the message, and the page has events already: the next page begins with that. */
  private takeMessage(reading: FeedReading, row: LogRow, filter: FeedFilter): boolean {
    if (row.position > reading.place.log + 1 && !lose(reading, row.at)) return false;
    reading.examined++;
    reading.place = { ...reading.place, log: row.position, at: row.at };
    if (!acceptsEvent(filter, { type: "message.created", conversation: row.conversation })) return true;
    const { epochs } = this.deps;
    reading.events.push(createdEvent(row, epochs.idOf("log", row.position), epochs.current));
    return true;
  }

  /** All rows are read. The log may go on without rows: those of messages that are not kept are deleted. */
  private reachEnd(reading: FeedReading, last: number, wantsLog: boolean): void {
    const now = this.deps.now();
    if (wantsLog && reading.place.log < last && !lose(reading, now)) return;
    reading.place = { ...reading.place, log: Math.max(reading.place.log, last), at: now };
  }
}

/** Notes that a reader lost what happened between its place and `until`. Returns false where it has got events before. */
export function lose(reading: FeedReading, until: number): boolean {
  if (reading.events.length > 0) {
    reading.isDone = true;
    return false;
  }
  const since = reading.lost?.since ?? reading.place.at;
  reading.lost = { since, until: Math.max(since, until) };
  return true;
}
