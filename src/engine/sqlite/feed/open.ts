import type { Database } from "bun:sqlite";
import type { FeedRetention } from "../../../core/feed/retention.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { BatchEvents } from "./batch-events.ts";
import { FeedEpochs } from "./epochs.ts";
import { EventTable } from "./event-table.ts";
import { SqliteFeed } from "./feed.ts";
import { FeedFloor } from "./feed-floor.ts";
import { FeedReader } from "./feed-reader.ts";
import { LogEvents } from "./log-events.ts";
import type { FeedOperation } from "./operation.ts";
import { FeedPresence } from "./presence.ts";
import { PresentTable } from "./present-table.ts";
import { WantedTypes } from "./wanted-types.ts";

export interface FeedDeps {
  readonly db: Database;
  readonly messages: Pick<MessageLog, "lastPosition">;
  readonly retention: FeedRetention;
  readonly now: () => number;
  readonly enqueue: (operation: FeedOperation) => void;
  readonly assertReadable: () => void;
}

/** The feed and what writes into it. */
export interface OpenedFeed {
  readonly feed: SqliteFeed;
  readonly table: EventTable;
  readonly events: BatchEvents;
}

/** Opens the feed of a store. */
export function openFeed({ db, messages, retention, now, enqueue, assertReadable }: FeedDeps): OpenedFeed {
  const lastPosition = () => messages.lastPosition;
  const log = new LogEvents(db);
  const table = new EventTable(db, lastPosition);
  const epochs = new FeedEpochs(db);
  const types = new WantedTypes(db, now);
  const floor = new FeedFloor({ db, log, table, retention, lastPosition, now });
  const reader = new FeedReader({ log, table, epochs, lastPosition, now });
  const present = new PresentTable(db);
  const presence = new FeedPresence({ db, table, present, types, enqueue, now });
  const events = new BatchEvents(db, table, present, types);
  const own = {
    log,
    table,
    epochs,
    reader,
    floor,
    types,
    presence,
    events,
    present,
    db,
  };
  return { feed: new SqliteFeed({ ...own, enqueue, assertReadable, now }), table, events };
}
