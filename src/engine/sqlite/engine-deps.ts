import type { Database } from "bun:sqlite";
import type { RetentionLimits } from "../../core/conversation/retention.ts";
import type { Emit } from "../../core/events/events.ts";
import type { FeedRetention } from "../../core/feed/retention.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { StreamRules } from "../../core/streams/draft.ts";
import type { Disk } from "./folder/disk-watch.ts";
import type { IndexFile } from "./index/index-file.ts";
import type { IndexWorker } from "./index/index-worker.ts";

/** The parts of the engine that are opened before it. */
export interface SqliteEngineDeps {
  readonly db: Database;
  readonly index: IndexFile;
  readonly indexWorker: IndexWorker;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called with the seconds that each batch took. */
  readonly observeBatch?: ((seconds: number) => void) | undefined;
  readonly description: string;
  /** How long messages are kept in conversations without limits of their own. */
  readonly retention: RetentionLimits;
  readonly feedRetention: FeedRetention;
  readonly streamRules: StreamRules;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end. */
  readonly editWithin: number;
  /** Paths of the store file (`parley.db`) and of the end mark (end-mark.ts). */
  readonly paths: { readonly store: string; readonly end: string };
  /** The free space of the disk, in tests. Without it, the operating system is asked. */
  readonly disk?: Disk | undefined;
}
