import type { Database, Statement } from "bun:sqlite";
import type { FeedEvent, FeedEventDetails, NewFeedEvent } from "../../../core/feed/feed-event.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import { ERASED_SENDER_MARK, senderOf } from "../messages/erased-sender.ts";

/** A row of the table `event`. `after` as in place.ts. */
export interface EventRow {
  readonly number: number;
  readonly after: number;
  readonly type: FeedEventType;
  readonly at: number;
  readonly conversation: string | null;
  readonly epoch: string | null;
  readonly user: string | null;
  readonly seq: number | null;
  readonly rev: number | null;
  readonly details: string | null;
}

/** What a row takes besides its texts, in bytes. */
const ROW_BYTES = 40;

/**
 * The events that are not messages. Numbers have no holes and are never used twice: the newest row is never deleted. `size` is the
 * sum of the sizes of all rows up to this one, so that what is kept is known without a look at every row.
 */
export class EventTable {
  private readonly insert: Statement;
  private readonly next: Statement<EventRow>;
  private readonly ends: Statement<{ first: number | null; last: number | null }>;
  /** `lastPosition` returns the last position of the log. */
  constructor(
    db: Database,
    private readonly lastPosition: () => number,
  ) {
    this.insert = db.prepare(
      `insert into event (after, type, at, conversation, epoch, user, seq, rev, details, size)
       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
         ?10 + coalesce((select size from event order by number desc limit 1), 0))`,
    );
    this.next = db.prepare(
      `select number, after, type, at, conversation, epoch, user, seq, rev, details from event
       where number > ? order by number limit ?`,
    );
    this.ends = db.prepare(
      "select (select min(number) from event) as first, (select max(number) from event) as last",
    );
  }

  /** Writes an event that happened at `now`. MUST be called inside the transaction of what it is about. */
  add({ type, conversation, epoch, user, seq, rev, details, at }: NewFeedEvent, now: number): void {
    const text = details === undefined ? null : JSON.stringify(details);
    const bytes = ROW_BYTES + type.length + lengthOf(conversation) + lengthOf(user) + lengthOf(text);
    this.insert.run(
      this.lastPosition(),
      type,
      at ?? now,
      conversation ?? null,
      epoch ?? null,
      user ?? null,
      seq ?? null,
      rev ?? null,
      text,
      bytes,
    );
  }

  /** Returns the oldest `count` rows after a number. */
  after(number: number, count: number): EventRow[] {
    return this.next.all(number, count);
  }

  /** The number of the newest row; 0 for none. */
  get last(): number {
    return this.ends.get()?.last ?? 0;
  }

  /** The number before the oldest row. */
  get floor(): number {
    return (this.ends.get()?.first ?? 1) - 1;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.insert, this.next, this.ends]) statement.finalize();
  }
}

/** The event of a row. */
export function eventOf(
  { type, at, conversation, epoch, user, seq, rev, details }: EventRow,
  id: string,
): FeedEvent {
  return {
    id,
    type,
    at,
    ...(conversation !== null && { conversation }),
    ...(epoch !== null && { epoch }),
    ...(user !== null && { user: senderOf(user) }),
    ...(seq !== null && { seq }),
    ...(rev !== null && { rev }),
    ...(details !== null && { details: decodeDetails(details) }),
  };
}

function decodeDetails(text: string): FeedEventDetails {
  const details = JSON.parse(text) as FeedEventDetails;
  return details.by === ERASED_SENDER_MARK ? { ...details, by: senderOf(details.by) } : details;
}

/** Takes a user out of the details of an event, and if the event is the user's own, what the user has named in it. Never longer. */
export function detailsWithout(user: string, isOwn: boolean, text: string): string {
  const { by, id, ...rest } = JSON.parse(text) as FeedEventDetails;
  return JSON.stringify({
    ...(by !== undefined && { by: by === user ? ERASED_SENDER_MARK : by }),
    ...(!isOwn && id !== undefined && { id }),
    ...rest,
  });
}

function lengthOf(text: string | null | undefined): number {
  return text?.length ?? 0;
}
