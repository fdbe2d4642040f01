import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import {
  type ApiKeyListener,
  type ApiKeyStore,
  MAX_STORED_API_KEYS,
  type StoredApiKey,
} from "../../../core/ports/access/api-keys.ts";
import type { Clock } from "../../../core/ports/clock.ts";

interface Row {
  readonly name: string;
  readonly hash: string;
  /** As JSON. */
  readonly rights: string;
  /** As JSON; null for all. */
  readonly conversations: string | null;
  readonly created_at: number;
  readonly made_by: string | null;
}

/** The interval at which changes by other processes are looked for, in milliseconds. The port promises a second. */
const POLL_INTERVAL_MS = 500;

/** The port for API keys on SQLite. The command line may change the same file while a server runs. */
export class SqliteApiKeys implements ApiKeyStore {
  private readonly listeners = new Set<ApiKeyListener>();
  /** The state of the table of which the listeners were notified; undefined when one of them has to be called again. */
  private notified: string | undefined;
  /** Whether the last poll failed. */
  private hasFailed = false;
  private stopPolling: (() => void) | undefined;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {}

  async list(): Promise<StoredApiKey[]> {
    return (this.db.query("select * from api_key order by name").all() as Row[]).map(decodeRow);
  }

  async add({ name, hash, rights, conversations, createdAt, by }: StoredApiKey) {
    const outcome = this.db
      .transaction(() => {
        if (this.db.query("select 1 from api_key where name = ?").get(name) !== null) return "taken";
        const { count } = this.db.query("select count(*) as count from api_key").get() as { count: number };
        if (count >= MAX_STORED_API_KEYS) return "full";
        this.db
          .query(
            "insert into api_key (name, hash, rights, conversations, created_at, made_by) values (?, ?, ?, ?, ?, ?)",
          )
          .run(
            name,
            hash,
            JSON.stringify(rights),
            conversations === undefined ? null : JSON.stringify(conversations),
            createdAt,
            by ?? null,
          );
        return "added";
      })
      .immediate();
    await this.poll();
    return outcome;
  }

  async remove(name: string): Promise<boolean> {
    const { changes } = this.db.query("delete from api_key where name = ?").run(name);
    await this.poll();
    return changes > 0;
  }

  watch(listener: ApiKeyListener): () => void {
    if (this.listeners.size === 0) {
      this.notified = this.state();
      this.stopPolling = this.clock.every(POLL_INTERVAL_MS, () => void this.poll());
    }
    this.listeners.add(listener);
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stopPolling?.();
    };
  }

  /** Notifies the listeners if the table has changed. Never rejects: what fails is tried again at the next poll. */
  private async poll(): Promise<void> {
    if (this.listeners.size === 0) return;
    try {
      const state = this.state();
      if (state === this.notified) return;
      this.notified = state;
      await Promise.all([...this.listeners].map((listener) => Promise.try(listener)));
      this.hasFailed = false;
    } catch (error) {
      this.notified = undefined;
      // Logged once, because it is tried again twice a second.
      if (!this.hasFailed) this.emit("store.read_failed", { error: String(error) });
      this.hasFailed = true;
    }
  }

  /** A text that differs after each change: a position is never used twice, and a removal changes the count. */
  private state(): string {
    const row = this.db
      .query("select count(*) as count, coalesce(max(position), 0) as newest from api_key")
      .get() as { count: number; newest: number };
    return `${row.count} ${row.newest}`;
  }
}

function decodeRow({ name, hash, rights, conversations, created_at, made_by }: Row): StoredApiKey {
  return {
    name,
    hash,
    rights: JSON.parse(rights),
    ...(conversations !== null && { conversations: JSON.parse(conversations) }),
    createdAt: created_at,
    by: made_by ?? undefined,
  };
}
