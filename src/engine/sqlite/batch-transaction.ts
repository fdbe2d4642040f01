import type { Database } from "bun:sqlite";
import type { Clock } from "../../core/ports/clock.ts";
import { isBusy } from "./folder/errors.ts";

/** How long a batch waits for a lock that another process or the index worker holds, before its requests get `unavailable`. */
const LOCK_TIMEOUT_MS = 5_000;

/** `busy`: another connection holds the write lock, and the batch must come back a little later. */
export type BeginResult = "begun" | "busy" | { readonly error: unknown };

/** The transactions of batches. They wait for the write lock, but not on the event loop. */
export class BatchTransaction {
  private waitingSince: number | undefined;
  private begunAt = 0;
  /** Whether commits wait for the disk otherwise, as SQLite's `synchronous` says. */
  private readonly usualSync: number;
  private isDurable = false;
  private syncIsRaised = false;

  constructor(
    private readonly db: Database,
    private readonly clock: Pick<Clock, "now">,
    /** Called with the seconds from the beginning of each transaction to its end. */
    private readonly observe?: ((seconds: number) => void) | undefined,
  ) {
    this.usualSync = (db.query("pragma synchronous").get() as { synchronous: number }).synchronous;
  }

  /** The next transaction is to survive a loss of power, whatever STORE_SYNC says. */
  makeDurable(): void {
    this.isDurable = true;
  }

  begin(): BeginResult {
    try {
      // Before it: SQLite does not change this within a transaction.
      if (this.isDurable && !this.syncIsRaised) this.db.run("pragma synchronous = full");
      this.syncIsRaised = this.isDurable;
      this.db.run("begin immediate");
      this.waitingSince = undefined;
      if (this.observe !== undefined) this.begunAt = this.clock.now();
      return "begun";
    } catch (error) {
      const now = this.clock.now();
      this.waitingSince ??= now;
      if (isBusy(error) && now - this.waitingSince < LOCK_TIMEOUT_MS) return "busy";
      this.waitingSince = undefined;
      return { error };
    }
  }

  commit(): void {
    this.db.run("commit");
  }

  /** MUST be called after a transaction has ended, with a commit or without. */
  ended(): void {
    this.observe?.((this.clock.now() - this.begunAt) / 1000);
    this.isDurable = false;
    // Not after a rollback that failed, too: SQLite does not change this within a transaction.
    if (!this.syncIsRaised || this.db.inTransaction) return;
    this.syncIsRaised = false;
    this.db.run(`pragma synchronous = ${this.usualSync}`);
  }
}
