import type { Database } from "bun:sqlite";
import type { NewFeedEvent } from "../../../core/feed/feed-event.ts";
import type { FeedFilter } from "../../../core/feed/filter.ts";
import {
  type Feed,
  type FeedPage,
  type FeedPosition,
  MAX_EVENTS_READ,
  OLDEST_POSITION,
} from "../../../core/ports/feed/feed.ts";
import type { Relay } from "../../../core/ports/relay.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import { Listeners } from "../../listeners.ts";
import { readMeta } from "../schema.ts";
import type { BatchEvents } from "./batch-events.ts";
import type { FeedEpochs } from "./epochs.ts";
import type { EventTable } from "./event-table.ts";
import type { FeedFloor } from "./feed-floor.ts";
import { type FeedReader, type FeedReading, lose } from "./feed-reader.ts";
import type { LogEvents } from "./log-events.ts";
import type { FeedOperation } from "./operation.ts";
import { decodePlace, encodePlace } from "./place.ts";
import type { FeedPresence } from "./presence.ts";
import type { PresentTable } from "./present-table.ts";
import type { WantedTypes } from "./wanted-types.ts";

/** The rows of each kind that one turn of the event loop reads: posts come between. */
const STEP_ROWS = 200;

export interface SqliteFeedDeps {
  readonly db: Database;
  readonly log: LogEvents;
  readonly table: EventTable;
  readonly epochs: FeedEpochs;
  readonly reader: FeedReader;
  readonly floor: FeedFloor;
  readonly types: WantedTypes;
  readonly presence: FeedPresence;
  readonly events: BatchEvents;
  readonly present: PresentTable;
  readonly enqueue: (operation: FeedOperation) => void;
  readonly assertReadable: () => void;
  /** The store's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** The port for the feed on SQLite. */
export class SqliteFeed implements Feed {
  private readonly listeners = new Listeners<undefined>();
  /** How far the listeners were notified. */
  private seen = { log: 0, event: 0 };

  constructor(private readonly deps: SqliteFeedDeps) {}

  /** The relay of the node. */
  get relay(): Relay {
    return this.deps.presence;
  }

  /** Writes what a server before this one could not write. MUST be called once, before clients come. */
  recover(): void {
    this.deps.presence.recover();
  }

  async read(after: FeedPosition, filter: FeedFilter, limit: number): Promise<FeedPage | undefined> {
    const { reader, epochs, assertReadable } = this.deps;
    assertReadable();
    const reading = this.begin(after);
    if (reading === undefined) return undefined;
    while (!reading.isDone && reading.examined < MAX_EVENTS_READ) {
      reader.readOn(reading, filter, limit, Math.min(STEP_ROWS, limit + 1));
      if (reading.isDone) break;
      await new Promise(setImmediate);
      assertReadable();
    }
    const { events, place, lost } = reading;
    return {
      events,
      position: encodePlace(epochs.current, place),
      more: reader.hasMore(place),
      ...(lost !== undefined && { lost }),
    };
  }

  async newest(): Promise<FeedPosition> {
    const { reader, epochs, assertReadable } = this.deps;
    assertReadable();
    return encodePlace(epochs.current, reader.end());
  }

  watch(listener: () => void): () => void {
    if (this.listeners.isEmpty) this.seen = this.deps.reader.end();
    return this.listeners.add(listener);
  }

  append(events: readonly NewFeedEvent[]): Promise<void> {
    const kept = events.filter(({ type }) => this.deps.types.counts(type));
    if (kept.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) =>
      this.deps.enqueue({
        kind: "feed",
        request: { events: kept },
        done: ({ outcome }) =>
          outcome === "done" ? resolve() : reject(new Error("Events could not be stored.")),
      }),
    );
  }

  async want(types: readonly FeedEventType[], until: number): Promise<void> {
    const { types: known, presence } = this.deps;
    const wasRead = presence.isRead;
    known.want(types, until);
    if (!wasRead && presence.isRead) presence.begin();
  }

  async bookmark(name: string): Promise<FeedPosition | undefined> {
    return readMeta(this.deps.db, bookmarkKey(name));
  }

  async setBookmark(name: string, position: FeedPosition): Promise<void> {
    this.deps.db.query("insert or replace into meta values (?, ?)").run(bookmarkKey(name), position);
  }

  wanted(): ReadonlySet<FeedEventType> {
    return this.deps.types.wanted();
  }

  /** Notifies the listeners of what was stored since the last call, also by commands in other processes. */
  notify(): void {
    if (this.listeners.isEmpty) return;
    const { log, event } = this.deps.reader.end();
    if (log === this.seen.log && event === this.seen.event) return;
    this.seen = { log, event };
    this.listeners.notify(undefined);
  }

  /** MUST be called after a transaction that failed. */
  reload(): void {
    this.deps.events.reload();
  }

  /** Deletes some of the events that are not kept. */
  prune(): void {
    this.deps.floor.prune();
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.listeners.clear();
    const { log, table, floor, events, present } = this.deps;
    for (const part of [log, table, floor, events, present]) part.close();
  }

  /** Begins a reading after a position; undefined for a text that is none. */
  private begin(after: FeedPosition): FeedReading | undefined {
    const { floor, epochs, reader } = this.deps;
    const oldest = floor.place();
    const reading = (place: FeedReading["place"]): FeedReading => ({
      ...{ place, events: [], lost: undefined, examined: 0, isDone: false },
    });
    if (after === OLDEST_POSITION) return reading({ ...oldest, at: 0 });
    const position = decodePlace(after);
    if (position === undefined) return undefined;
    const begun = reading(position.place);
    // What the store has lost, or another store: the reader goes on where this store is known to be the same.
    const end = position.epoch === epochs.current ? reader.end() : (epochs.endOf(position.epoch) ?? oldest);
    const isOther = position.epoch !== epochs.current;
    if (isOther || begun.place.log > end.log || begun.place.event > end.event) {
      lose(begun, end.at);
      const { log, event, at } = begun.place;
      begun.place = { log: Math.min(log, end.log), event: Math.min(event, end.event), at };
    }
    if (begun.place.log < oldest.log || begun.place.event < oldest.event) {
      lose(begun, oldest.at);
      const { log, event } = begun.place;
      begun.place = { log: Math.max(log, oldest.log), event: Math.max(event, oldest.event), at: oldest.at };
    }
    return begun;
  }
}

/** The key of a bookmark in the table `meta`. */
function bookmarkKey(name: string): string {
  return `bookmark_${name}`;
}
