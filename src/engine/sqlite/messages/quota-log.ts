import type { Database, Statement } from "bun:sqlite";
import { QUOTA_WINDOW_MS, SlidingWindowLog } from "../../../core/conversation/quota.ts";
import type { Quota } from "../../../protocol/server-frames.ts";

/** The log of users without charges. MUST NOT be changed. */
const NOTHING_CHARGED = new SlidingWindowLog();

/** The number of rows that one call deletes, so that no turn of the event loop takes long. */
const PRUNE_ROWS = 5_000;

/**
 * The accepted requests of the last hour. In memory there is a sliding log for each user. On disk there is a row for each user
 * and millisecond, in a table that grows only at its end; after a restart the logs are read from it.
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

  /** The time of the newest charge on disk, in milliseconds since 1970; 0 when there is none. */
  get newestAt(): number {
    return this.newest;
  }

  /** Reads the charges after `since` from disk again. */
  reload(since: number): void {
    this.logs.clear();
    this.pending.clear();
    const rows = this.db
      .query("select user, at, count from charge where at > ? and user <> '' order by position")
      .iterate(since);
    for (const row of rows as IterableIterator<{ user: string; at: number; count: number }>) {
      this.of(row.user).record(row.at, row.count);
      this.newest = Math.max(this.newest, row.at);
    }
  }

  /** Returns the log of a user; creates an empty one for a user without charges. */
  of(user: string): SlidingWindowLog {
    let log = this.logs.get(user);
    if (log === undefined) {
      log = new SlidingWindowLog();
      this.logs.set(user, log);
    }
    return log;
  }

  /** Returns the quota that the user is shown. Creates no log for a user without charges. */
  view(user: string, limit: number, now: number): Quota | null {
    return (this.logs.get(user) ?? NOTHING_CHARGED).view(limit, now);
  }

  /** Charges `count` requests. The charge is on disk after `write`. */
  charge(user: string, log: SlidingWindowLog, now: number, count = 1): void {
    log.record(now, count);
    this.pending.set(user, (this.pending.get(user) ?? 0) + count);
  }

  /** Writes the charges since the last call, all made at `now`. MUST be called inside the transaction of the charged requests. */
  write(now: number): void {
    if (this.pending.size === 0) return;
    for (const [user, count] of this.pending) this.insert.run(user, now, count);
    this.pending.clear();
    this.newest = now;
  }

  /** Deletes rows older than the quota window. Returns whether all of them are deleted. */
  prune(now: number): boolean {
    // Times increase with positions, so if the oldest row is in the window, all are.
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

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.insert.finalize();
  }

  /** Drops the log of a user, which blanks or removes its rows on disk. */
  forget(user: string): void {
    this.logs.delete(user);
    this.pending.delete(user);
  }

  /** Drops the logs of users without charges in the last hour from memory. */
  forgetIdle(now: number): void {
    for (const [user, log] of this.logs) if (log.count(now) === 0) this.logs.delete(user);
  }
}
