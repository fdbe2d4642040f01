import type { Database } from "bun:sqlite";
import type {
  Inboxes,
  InboxListener,
  InboxQuery,
  InboxView,
} from "../../../core/ports/conversation/inbox.ts";
import { Listeners } from "../../listeners.ts";
import type { BatchOutcome } from "../batch-outcome.ts";
import { StoreUnavailable } from "../folder/errors.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { readMeta } from "../schema.ts";
import { SlicedInboxReader } from "./inbox-reader.ts";
import { RecentHeads } from "./recent-heads.ts";

export interface SqliteInboxDeps {
  readonly db: Database;
  readonly messages: MessageLog;
  /** The store's time. */
  readonly now: () => number;
  /** Throws when the store cannot be read now. */
  readonly assertReadable: () => void;
}

/** The port of the inbox on SQLite. There is one server, so changes are reported by the batches that make them. */
export class SqliteInbox implements Inboxes {
  readonly recent: RecentHeads;
  private readonly reader: SlicedInboxReader;
  private readonly listeners = new Listeners<Parameters<InboxListener>>();
  private readonly store: string;
  /** The latest time that a reader was given: the store's time MUST NOT fall behind it. */
  newestAt = 0;

  constructor(private readonly deps: SqliteInboxDeps) {
    const { db, messages, assertReadable } = deps;
    this.store = readMeta(db, "epoch") ?? "";
    this.recent = new RecentHeads(db);
    this.reader = new SlicedInboxReader(db, messages, this.recent, assertReadable);
  }

  async read(
    queries: readonly InboxQuery[],
    newest: boolean,
  ): Promise<{ views: readonly InboxView[]; now: number; store: string }> {
    this.deps.assertReadable();
    const now = this.deps.now();
    this.newestAt = Math.max(this.newestAt, now);
    return { views: await this.reader.read(queries, newest), now, store: this.store };
  }

  /** Reads what is not written yet. Damage of the log makes the store not ready, and is no reason not to start (L3). */
  readRecent(onDamage: (error: unknown) => void): void {
    try {
      this.recent.reload();
    } catch (error) {
      onDamage(error);
    }
  }

  /** There is no gap: the only server on the file reports all changes. */
  async watch(listener: InboxListener): Promise<() => void> {
    return this.listeners.add((change) => listener(...change));
  }

  /** Reports what a batch has changed, after its commit. */
  announce({ announce, operation, result }: BatchOutcome): void {
    if (this.listeners.isEmpty) return;
    if (announce !== undefined) this.listeners.notify([announce.conversation, undefined]);
    else if (operation.kind === "mark" && result.outcome === "moved")
      this.listeners.notify([operation.request.conversation, operation.request.user]);
  }

  /** Reports that the items of all users of a conversation have changed. */
  notify(conversation: string): void {
    this.listeners.notify([conversation, undefined]);
  }

  /** Writes what has waited long enough. Throws when another process holds the lock; the next round tries again. */
  writeDue(now: number): void {
    if (!this.recent.isDue(now)) return;
    const { db, messages } = this.deps;
    db.run("begin immediate");
    try {
      this.recent.write(now, messages.lastPosition);
      db.run("commit");
    } catch (error) {
      // A full disk has rolled it back already; another rollback would hide the error.
      if (db.inTransaction) db.run("rollback");
      this.recent.reload();
      throw error;
    }
  }

  close(): void {
    this.reader.close(new StoreUnavailable("The store is closed."));
    this.recent.close();
  }
}
