import type { Database } from "bun:sqlite";
import type { FeedRetention } from "../../../core/feed/retention.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { FeedEpochs } from "./epochs.ts";
import { EventTable } from "./event-table.ts";
import { type FeedOperation, SqliteFeed } from "./feed.ts";
import { FeedFloor } from "./feed-floor.ts";
import { FeedReader } from "./feed-reader.ts";
import { LogEvents } from "./log-events.ts";
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
  readonly types: WantedTypes;
  readonly floor: FeedFloor;
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
  const deps = { log, table, epochs, reader, floor, types, enqueue, assertReadable, now };
  return { feed: new SqliteFeed(deps), table, types, floor };
}
