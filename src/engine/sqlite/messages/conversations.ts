import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../../../core/conversation/entry.ts";
import { epochOf } from "../../../core/conversation/epoch.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  type ConversationStore,
  type ConversationSummary,
  EpochChanged,
  type RetentionOverride,
} from "../../../core/ports/conversations.ts";
import { EventTable } from "../feed/event-table.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { type IndexFile, openIndexReadOnly } from "../index/index-file.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "../open.ts";
import { INDEX_FILE, openStore, readMeta, STORE_FILE } from "../schema.ts";
import {
  CONVERSATION_COLUMNS,
  type ConversationHead,
  type ConversationRow,
  existsAsConversation,
} from "./conversation-head.ts";
import { MessageLog } from "./message-log.ts";
import { ReadMarkTable } from "./read-mark-table.ts";

/** The number of entries that an export reads at once. */
const EXPORT_PAGE_SIZE = 500;

/** Marks a conversation as changed by a command, for a running server (retention-sweeper.ts). */
export const CHANGED = "changed = (select max(changed) + 1 from conversation)";

/** Opens the conversations of a data folder for commands. A server may run on the folder. */
export function openConversations({ dataDir, sync, clock }: SqliteOptions): SqliteConversations {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  // So that SQLite overwrites removed texts (eraser.ts).
  db.run("pragma secure_delete = on");
  const index = join(dataDir, INDEX_FILE);
  return new SqliteConversations(
    db,
    withFileErrors(index, () => openIndexReadOnly(index, db)),
    clock,
  );
}

/** The conversations of a data folder, for commands. Reads them in the state of the moment when it was opened. */
export class SqliteConversations implements ConversationStore {
  private readonly log: MessageLog;
  private readonly readMarkTable: ReadMarkTable;
  private readonly events: EventTable;

  constructor(
    private readonly db: Database,
    private readonly index: IndexFile,
    private readonly clock: Pick<Clock, "wall">,
  ) {
    this.log = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
    this.readMarkTable = new ReadMarkTable(db);
    this.events = new EventTable(db, () => this.log.lastPosition);
  }

  async list(): Promise<ConversationSummary[]> {
    const rows = this.db
      .query(`select ${CONVERSATION_COLUMNS} from conversation order by id`)
      .all() as ConversationRow[];
    return rows.flatMap((row) => this.summary(row) ?? []);
  }

  async find(id: string): Promise<ConversationSummary | undefined> {
    const row = this.row(id);
    return row === undefined ? undefined : this.summary(row);
  }

  async readMarks(id: string): Promise<Map<string, number>> {
    const row = this.row(id);
    return row === undefined ? new Map() : this.readMarkTable.all(row.number);
  }

  async *entries(id: string): AsyncGenerator<Entry> {
    const head = this.log.find(id);
    if (head === undefined) return;
    // Kept here, because `remove` of this process changes the head.
    const { epoch } = head;
    for (let first = head.first; first <= head.seq; first += EXPORT_PAGE_SIZE) {
      const last = Math.min(head.seq, first + EXPORT_PAGE_SIZE - 1);
      const { entries } = this.log.read(head, first, last, false, Number.POSITIVE_INFINITY);
      // Looked at after the page: a server may have blanked rows while it was read.
      if (this.presentEpoch(head) !== epoch) throw new EpochChanged(id);
      yield* entries;
    }
  }

  /** The epoch on the disk; other processes change it. */
  private presentEpoch({ number }: ConversationHead): string {
    const { removals } = this.db.query("select removals from conversation where number = ?").get(number) as {
      removals: number;
    };
    return epochOf(readMeta(this.db, "epoch") ?? "", removals);
  }

  /** Removes a conversation by raising its floor. The retention sweeper deletes the rows later. */
  async remove(id: string): Promise<boolean> {
    return this.change(id, ({ number, seq, epoch }) => {
      this.db
        .query(
          `update conversation set first_seq = ?1 + 1, removed_seq = ?1, removals = removals + 1,
             keep_messages = null, keep_days = null, facts = null, guard = 0, members = 0, owners = 0, rev = 0,
             revision = revision + 1, removed_at = ?3, ${CHANGED} where number = ?2`,
        )
        .run(seq, number, this.clock.wall());
      this.db.query("delete from mark where conversation = ?").run(number);
      this.events.add({ type: "conversation.removed", conversation: id, epoch }, this.clock.wall());
    });
  }

  async retain(id: string, { messages, days }: RetentionOverride): Promise<boolean> {
    return this.change(id, ({ number }) => {
      this.db
        .query(`update conversation set keep_messages = ?, keep_days = ?, ${CHANGED} where number = ?`)
        .run(messages, days, number);
    });
  }

  async close(): Promise<void> {
    this.log.close();
    this.readMarkTable.close();
    this.events.close();
    this.index.close();
    this.db.close();
  }

  private change(id: string, change: (head: ConversationHead) => void): boolean {
    return this.db
      .transaction(() => {
        // Read again: a server may have stored messages since.
        this.log.reload();
        const row = this.row(id);
        const exists = row !== undefined && this.summary(row) !== undefined;
        if (exists) change(this.log.headOf(row));
        this.log.reload();
        return exists;
      })
      .immediate();
  }

  private row(id: string): ConversationRow | undefined {
    const row = this.db.query(`select ${CONVERSATION_COLUMNS} from conversation where id = ?`).get(id);
    return (row as ConversationRow | null) ?? undefined;
  }

  /** Returns undefined if there is no such conversation: it was removed, and not made again. */
  private summary(row: ConversationRow): ConversationSummary | undefined {
    const head = this.log.headOf(row);
    if (!existsAsConversation(head)) return undefined;
    return {
      id: row.id,
      seq: head.seq,
      first: head.first,
      lastAt: head.first > head.seq ? undefined : this.log.timeOf(head, head.seq),
      keep: { messages: row.keep_messages, days: row.keep_days },
    };
  }
}
