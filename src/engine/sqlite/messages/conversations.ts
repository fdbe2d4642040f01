import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../../../core/conversation/entry.ts";
import type {
  ConversationStore,
  ConversationSummary,
  RetentionOverride,
} from "../../../core/ports/conversations.ts";
import { withFileErrors } from "../folder/folder-files.ts";
import { type IndexFile, openIndexReadOnly } from "../index/index-file.ts";
import { COMMAND_TIMEOUT_MS, type SqliteOptions } from "../open.ts";
import { INDEX_FILE, openStore, STORE_FILE } from "../schema.ts";
import {
  CONVERSATION_COLUMNS,
  type ConversationHead,
  type ConversationRow,
  MessageLog,
} from "./message-log.ts";
import { ReadMarkTable } from "./read-mark-table.ts";

/** Entries read in one go by an export. */
const EXPORT_PAGE_SIZE = 500;

/** Shows a running server that a command has changed the conversation (retention-sweeper.ts). */
const CHANGED = "changed = (select max(changed) + 1 from conversation)";

/** Opens the conversations of a data folder for commands, also while a server runs on it. */
export function openConversations({ dataDir, sync }: SqliteOptions): SqliteConversations {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  // What is removed is written over (eraser.ts).
  db.run("pragma secure_delete = on");
  const index = join(dataDir, INDEX_FILE);
  return new SqliteConversations(
    db,
    withFileErrors(index, () => openIndexReadOnly(index, db)),
  );
}

/** Conversations as commands see and change them, as they were on disk when it was opened. */
export class SqliteConversations implements ConversationStore {
  private readonly log: MessageLog;
  private readonly readMarkTable: ReadMarkTable;

  constructor(
    private readonly db: Database,
    private readonly index: IndexFile,
  ) {
    this.log = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
    this.readMarkTable = new ReadMarkTable(db);
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
    return row === undefined ? new Map() : this.readMarkTable.of(row.number);
  }

  async *entries(id: string): AsyncGenerator<Entry> {
    const head = this.log.find(id);
    if (head === undefined) return;
    for (let first = head.first; first <= head.seq; first += EXPORT_PAGE_SIZE) {
      const last = Math.min(head.seq, first + EXPORT_PAGE_SIZE - 1);
      yield* this.log.read(head, first, last, false, Number.POSITIVE_INFINITY).entries;
    }
  }

  /** The rows are deleted later (retention-sweeper.ts). */
  async remove(id: string): Promise<boolean> {
    return this.change(id, ({ number, seq }) => {
      this.db
        .query(
          `update conversation set first_seq = ?1 + 1, removed_seq = ?1, removals = removals + 1,
             keep_messages = null, keep_days = null, ${CHANGED} where number = ?2`,
        )
        .run(seq, number);
      this.db.query("delete from mark where conversation = ?").run(number);
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
    this.index.close();
    this.db.close();
  }

  private change(id: string, change: (head: ConversationHead) => void): boolean {
    return this.db
      .transaction(() => {
        // A server may have stored messages since it was read.
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

  /** Undefined where the conversation was removed and has no message since. */
  private summary(row: ConversationRow): ConversationSummary | undefined {
    const head = this.log.headOf(row);
    if (row.removals > 0 && head.seq <= row.removed_seq) return undefined;
    return {
      id: row.id,
      seq: head.seq,
      first: head.first,
      lastAt: head.first > head.seq ? undefined : this.log.timeOf(head, head.seq),
      keep: { messages: row.keep_messages, days: row.keep_days },
    };
  }
}
