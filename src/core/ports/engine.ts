// The engine: all ports for the content of conversations on one technology, which share one order of events. Code that uses
// one part depends on the port of that part only. `test/contracts/engine.ts` is the contract; every engine must pass it.
import type { Changes } from "./conversation/changes.ts";
import type { Inboxes } from "./conversation/inbox.ts";
import type { Streams } from "./conversation/streams.ts";
import type { MessageLog, Quotas } from "./message-log.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { StoreHealth } from "./store-health.ts";

export interface Engine extends MessageLog, Quotas, ReadMarks, StoreHealth {
  readonly inbox: Inboxes;
  readonly streams: Streams;
  readonly changes: Changes;

  /** Its kind and the place of its data, for the log: `embedded, /srv/parley/data/parley.db`. */
  readonly description: string;

  /** Finishes pending requests and closes the store. Later calls end with `unavailable`. */
  close(): Promise<void>;
}
