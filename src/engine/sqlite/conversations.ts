import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol/server-frames.ts";
import { type IndexFile, openIndexBeside } from "./index-file.ts";
import { MarkTable } from "./mark-table.ts";
import { type ConversationHead, type ConversationRow, MessageLog } from "./message-log.ts";
import { COMMAND_PATIENCE, type SqliteOptions } from "./open.ts";
import { INDEX_FILE, openStore, STORE_FILE } from "./schema.ts";

/** What an operator sees of a conversation. */
export interface ConversationSummary {
  readonly id: string;
  /** The newest `seq`, and the oldest that is kept. */
  readonly seq: number;
  readonly first: number;
  /** When the newest message was stored, in milliseconds since 1970; undefined when none is kept. */
  readonly lastAt: number | undefined;
  readonly keep: OwnLimits;
}

/** Limits of one conversation's own: null is as the server's settings say, 0 without limit. */
export interface OwnLimits {
  readonly messages: number | null;
  readonly days: number | null;
}

/** Messages read in one go by an export. */
const EXPORT_PAGE = 500;

const COLUMNS = "number, id, first_seq, keep_messages, keep_days, changed";
/** Tells a server at work of the change, see `Cleaner`. */
const CHANGED = "changed = (select max(changed) + 1 from conversation)";

/** Opens the conversations of a data folder for commands, also while a server runs on it. */
export function openConversations({ dataDir, sync }: SqliteOptions): SqliteConversations {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_PATIENCE);
  return new SqliteConversations(db, openIndexBeside(join(dataDir, INDEX_FILE), db));
}

/** Conversations as commands see and change them, as they were on disk when it was opened. */
export class SqliteConversations {
  private readonly log: MessageLog;
  private readonly readMarks: MarkTable;

  constructor(
    private readonly db: Database,
    private readonly index: IndexFile,
  ) {
    this.log = new MessageLog(db, index, { indexed: index.indexed, filter: undefined });
    this.readMarks = new MarkTable(db);
  }

  /** All of them, ordered by id. */
  list(): ConversationSummary[] {
    const rows = this.db.query(`select ${COLUMNS} from conversation order by id`).all() as ConversationRow[];
    return rows.map((row) => this.summary(row));
  }

  find(id: string): ConversationSummary | undefined {
    const row = this.row(id);
    return row === undefined ? undefined : this.summary(row);
  }

  /** How far each user has read. */
  marks(id: string): Map<string, number> {
    const row = this.row(id);
    return row === undefined ? new Map() : this.readMarks.of(row.number);
  }

  /** The messages that are kept, in the order of `seq`, read a little at a time. */
  *messages(id: string): Generator<Message> {
    const head = this.log.find(id);
    if (head === undefined) return;
    for (let first = head.first; first <= head.seq; first += EXPORT_PAGE) {
      const last = Math.min(head.seq, first + EXPORT_PAGE - 1);
      yield* this.log.read(head, first, last, false, Number.POSITIVE_INFINITY).messages;
    }
  }

  /**
   * Removes all messages and read marks for every reader; a cleaner deletes the rows (cleaner.ts). Its numbers go on
   * where they were, so that nobody takes a new message for an old one. Answers false where there is no such conversation.
   */
  remove(id: string): boolean {
    return this.change(id, ({ number, seq }) => {
      this.db
        .query(`update conversation set first_seq = ?, ${CHANGED} where number = ?`)
        .run(seq + 1, number);
      this.db.query("delete from mark where conversation = ?").run(number);
    });
  }

  /** Gives a conversation limits of its own. Answers false where there is no such conversation. */
  retain(id: string, { messages, days }: OwnLimits): boolean {
    return this.change(id, ({ number }) => {
      this.db
        .query(`update conversation set keep_messages = ?, keep_days = ?, ${CHANGED} where number = ?`)
        .run(messages, days, number);
    });
  }

  close(): void {
    this.log.close();
    this.readMarks.close();
    this.index.close();
    this.db.close();
  }

  private change(id: string, change: (head: ConversationHead) => void): boolean {
    return this.db
      .transaction(() => {
        // A server may have stored messages since it was read.
        this.log.reload();
        const head = this.log.find(id);
        if (head !== undefined) change(head);
        this.log.reload();
        return head !== undefined;
      })
      .immediate();
  }

  private row(id: string): ConversationRow | undefined {
    const row = this.db.query(`select ${COLUMNS} from conversation where id = ?`).get(id);
    return (row as ConversationRow | null) ?? undefined;
  }

  private summary(row: ConversationRow): ConversationSummary {
    const head = this.log.headOf(row);
    return {
      id: row.id,
      seq: head.seq,
      first: head.first,
      lastAt: head.first > head.seq ? undefined : this.log.timeOf(head, head.seq),
      keep: { messages: row.keep_messages, days: row.keep_days },
    };
  }
}
