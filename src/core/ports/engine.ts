// What one technology keeps of conversations: all of it with one order of events and one life. Code that uses a part takes
// the port of that part. `test/contracts/engine.ts` is the contract in executable form; every engine must pass it.
import type { MessageLog, Quotas } from "./message-log.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { StoreHealth } from "./store-health.ts";

export interface Engine extends MessageLog, Quotas, ReadMarks, StoreHealth {
  /** Its kind and the place of its data, for people: `embedded, /srv/parley/data/parley.db`. */
  readonly description: string;

  /** Finishes pending requests and closes the store. Later calls end with `unavailable`. */
  close(): Promise<void>;
}
