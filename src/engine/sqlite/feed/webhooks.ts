import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { SenderGeneration, WebhookListener, WebhookStore } from "../../../core/ports/feed/webhooks.ts";
import type { WebhookChange } from "../../../core/webhooks/operate.ts";
import { MAX_WEBHOOKS, type StoredWebhook, type WebhookProgress } from "../../../core/webhooks/webhook.ts";
import { TableWatch } from "../accounts/table-watch.ts";

interface Row {
  /** As JSON. */
  readonly settings: string;
  /** As JSON. */
  readonly progress: string;
}

/** The port for webhooks on SQLite. The command line may change the same file while a server runs. */
export class SqliteWebhooks implements WebhookStore {
  private readonly changes: TableWatch;

  constructor(
    private readonly db: Database,
    clock: Clock,
    emit: Emit,
  ) {
    this.changes = new TableWatch(() => this.state(), clock, emit);
  }

  /** For the one server of the folder, at its start: its runs are counted from one again. */
  forgetSenders(): void {
    this.db.run("update webhook set generation = 0 where generation > 0");
  }

  async list(): Promise<StoredWebhook[]> {
    return readWebhooks(this.db);
  }

  async find(id: string): Promise<StoredWebhook | undefined> {
    const row = this.db.query("select settings, progress from webhook where id = ?").get(id) as Row | null;
    return row === null ? undefined : decodeRow(row);
  }

  async add({ progress, ...webhook }: StoredWebhook) {
    const outcome = this.db
      .transaction(() => {
        if (this.db.query("select 1 from webhook where id = ?").get(webhook.id) !== null) return "taken";
        const { count } = this.db.query("select count(*) as count from webhook").get() as { count: number };
        if (count >= MAX_WEBHOOKS) return "full";
        this.db
          .query("insert into webhook (id, revision, settings, course, progress) values (?, ?, ?, ?, ?)")
          .run(
            webhook.id,
            webhook.revision,
            JSON.stringify(webhook),
            progress.course,
            JSON.stringify(progress),
          );
        return "added";
      })
      .immediate();
    await this.changes.poll();
    return outcome;
  }

  async change({ webhook, progress }: WebhookChange): Promise<boolean> {
    const { changes } = this.db
      .query(
        `update webhook set revision = ?, settings = ?, course = coalesce(?, course), progress = coalesce(?, progress)
         where id = ? and revision = ?`,
      )
      .run(
        webhook.revision,
        JSON.stringify(webhook),
        progress?.course ?? null,
        progress === undefined ? null : JSON.stringify(progress),
        webhook.id,
        webhook.revision - 1,
      );
    await this.changes.poll();
    return changes > 0;
  }

  async remove(id: string): Promise<boolean> {
    const { changes } = this.db.query("delete from webhook where id = ?").run(id);
    await this.changes.poll();
    return changes > 0;
  }

  async advance(id: string, generation: SenderGeneration, progress: WebhookProgress) {
    const { changes } = this.db
      .query(
        "update webhook set generation = ?, progress = ? where id = ? and course = ? and generation <= ?",
      )
      .run(generation, JSON.stringify(progress), id, progress.course, generation);
    if (changes > 0) return "written";
    const later = this.db.query("select 1 from webhook where id = ? and generation > ?").get(id, generation);
    return later === null ? "superseded" : "fenced";
  }

  watch(listener: WebhookListener): () => void {
    return this.changes.add(listener);
  }

  /** A text that differs after each change: a position is never used twice, a removal changes the count, revisions only grow. */
  private state(): string {
    const row = this.db
      .query(
        "select count(*) as count, coalesce(max(position), 0) as newest, total(revision) as revisions from webhook",
      )
      .get() as { count: number; newest: number; revisions: number };
    return `${row.count} ${row.newest} ${row.revisions}`;
  }
}

/** Returns all webhooks, by id. */
export function readWebhooks(db: Database): StoredWebhook[] {
  return (db.query("select settings, progress from webhook order by id").all() as Row[]).map(decodeRow);
}

function decodeRow({ settings, progress }: Row): StoredWebhook {
  return { ...JSON.parse(settings), progress: JSON.parse(progress) };
}
