import type { Database, Statement } from "bun:sqlite";
import { QUOTA_WINDOW_MS, SlidingWindowLog } from "../../../core/conversation/quota.ts";
import type { Quota } from "../../../protocol/server-frames.ts";

/** Stands in for the logs of users who were charged nothing; never recorded to. */
const NOTHING_CHARGED = new SlidingWindowLog();

/** Rows deleted in one go, so that no turn of the event loop is long. */
const PRUNE_ROWS = 5_000;

/**
 * The accepted requests of the last hour: a sliding log for each user in memory, and on disk rows that grow at the end
 * only, one for each user and millisecond, from which the memory is made again after a restart.
 */
export class QuotaLog {
  private readonly logs = new Map<string, SlidingWindowLog>();
  private readonly pending = new Map<string, number>();
  private readonly insert: Statement;
  private newest = 0;

  constructor(private readonly db: Database) {
    this.insert = db.prepare("insert into charge (user, at, count) values (?, ?, ?)");
    this.reload(0);
  }

  /** The time of the newest charge on disk, in milliseconds since 1970; 0 where there is none. */
  get newestAt(): number {
    return this.newest;
  }

  /** Reads the charges after `since` from disk again. */
  reload(since: number): void {
    this.logs.clear();
    this.pending.clear();
    const rows = this.db
      .query("select user, at, count from charge where at > ? order by position")
      .iterate(since);
    for (const row of rows as IterableIterator<{ user: string; at: number; count: number }>) {
      this.of(row.user).record(row.at, row.count);
      this.newest = Math.max(this.newest, row.at);
    }
  }

  /** The user's log; an empty one where nothing was charged yet. */
  of(user: string): SlidingWindowLog {
    let log = this.logs.get(user);
    if (log === undefined) {
      log = new SlidingWindowLog();
      this.logs.set(user, log);
    }
    return log;
  }

  /** What the user is shown. Looking makes no log for users who sent nothing. */
  view(user: string, limit: number, now: number): Quota | null {
    return (this.logs.get(user) ?? NOTHING_CHARGED).view(limit, now);
  }

  /** Charges one request; it is on disk after `write`. */
  charge(user: string, log: SlidingWindowLog, now: number): void {
    log.record(now);
    this.pending.set(user, (this.pending.get(user) ?? 0) + 1);
  }

  /** Writes what was charged since the last call, all at `now`; inside the transaction of what it was charged for. */
  write(now: number): void {
    if (this.pending.size === 0) return;
    for (const [user, count] of this.pending) this.insert.run(user, now, count);
    this.pending.clear();
    this.newest = now;
  }

  /** Deletes rows that have left the window. Returns whether all of them are gone. */
  prune(now: number): boolean {
    // Times grow with positions: mostly the oldest is young enough, and then so are all.
    const oldest = this.db.query("select at from charge order by position limit 1").get() as {
      at: number;
    } | null;
    if (oldest === null || oldest.at > now - QUOTA_WINDOW_MS) return true;
    const { changes } = this.db
      .query(
        `delete from charge where position <= (
           select max(position) from (select position, at from charge order by position limit ?) where at <= ?
         )`,
      )
      .run(PRUNE_ROWS, now - QUOTA_WINDOW_MS);
    return changes < PRUNE_ROWS;
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    this.insert.finalize();
  }

  /** Lets go of users who were charged nothing in the last hour. */
  forgetIdle(now: number): void {
    for (const [user, log] of this.logs) if (log.count(now) === 0) this.logs.delete(user);
  }
}
