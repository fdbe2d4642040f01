import type { Database, Statement } from "bun:sqlite";
import { epochOf } from "../../../core/conversation/epoch.ts";
import type { FeedEvent } from "../../../core/feed/feed-event.ts";
import { senderOf } from "../messages/erased-sender.ts";

/** A message of the log, without its content. A blank `sender` is that of a message which is not kept. */
export interface LogRow {
  readonly position: number;
  readonly conversation: string;
  readonly removals: number;
  readonly removed_seq: number;
  readonly seq: number;
  readonly sender: string;
  readonly at: number;
}

/** A row's place in its table, and its time. */
export interface PlacedTime {
  readonly place: number;
  readonly at: number;
}

/**
 * Returns the last place in (`from`, `last`] of a row from before `time`; `from` if there is none. Times MUST grow with places; `after`
 * returns the first row after a place.
 */
export function lastBefore(
  time: number,
  from: number,
  last: number,
  after: (place: number) => PlacedTime | null,
): number {
  let [below, above] = [from, last];
  while (below < above) {
    const middle = Math.floor((below + above) / 2);
    const row = after(middle);
    if (row === null || row.place > above || row.at >= time) above = middle;
    else below = row.place;
  }
  return below;
}

/** Reads the log as events of messages that were created. */
export class LogEvents {
  private readonly next: Statement<LogRow>;
  private readonly timeAfter: Statement<PlacedTime>;

  constructor(db: Database) {
    // `cross join`: the order of the log, and not that of the conversations.
    this.next = db.prepare(
      `select m.position, c.id as conversation, c.removals, c.removed_seq, m.seq, m.sender, m.at
       from message m cross join conversation c on c.number = m.conversation
       where m.position > ? order by m.position limit ?`,
    );
    this.timeAfter = db.prepare(
      "select position as place, at from message where position > ? order by position limit 1",
    );
  }

  /** Returns the oldest `count` rows after a position. */
  after(position: number, count: number): LogRow[] {
    return this.next.all(position, count);
  }

  /** Returns the last position in (`from`, `last`] of a message from before `time`; `from` if there is none. */
  lastBefore(time: number, from: number, last: number): number {
    return lastBefore(time, from, last, (position) => this.timeAfter.get(position));
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.next.finalize();
    this.timeAfter.finalize();
  }
}

/** The event of a message in a store whose epoch is `store`. */
export function createdEvent(row: LogRow, id: string, store: string): FeedEvent {
  const { conversation, removals, removed_seq, seq, sender, at } = row;
  // What was there before the last removal had an earlier epoch; which one does not matter.
  const epoch = epochOf(store, seq > removed_seq ? removals : Math.max(0, removals - 1));
  return {
    id,
    type: "message.created",
    at,
    conversation,
    epoch,
    ...(sender !== "" && { user: senderOf(sender) }),
    seq,
  };
}
