import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import {
  type ApiKeyListener,
  type ApiKeyStore,
  MAX_STORED_API_KEYS,
  type StoredApiKey,
} from "../../../core/ports/access/api-keys.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { TableWatch } from "./table-watch.ts";

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

/** The port for API keys on SQLite. The command line may change the same file while a server runs. */
export class SqliteApiKeys implements ApiKeyStore {
  private readonly changes: TableWatch;

  constructor(
    private readonly db: Database,
    clock: Clock,
    emit: Emit,
  ) {
    this.changes = new TableWatch(() => this.state(), clock, emit);
  }

  async list(): Promise<StoredApiKey[]> {
    return readApiKeys(this.db);
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
    await this.changes.poll();
    return outcome;
  }

  async remove(name: string): Promise<boolean> {
    const { changes } = this.db.query("delete from api_key where name = ?").run(name);
    await this.changes.poll();
    return changes > 0;
  }

  watch(listener: ApiKeyListener): () => void {
    return this.changes.add(listener);
  }

  /** A text that differs after each change: a position is never used twice, and a removal changes the count. */
  private state(): string {
    const row = this.db
      .query("select count(*) as count, coalesce(max(position), 0) as newest from api_key")
      .get() as { count: number; newest: number };
    return `${row.count} ${row.newest}`;
  }
}

/** Returns all API keys, by name. */
export function readApiKeys(db: Database): StoredApiKey[] {
  return (db.query("select * from api_key order by name").all() as Row[]).map(decodeRow);
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
