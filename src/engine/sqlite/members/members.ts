import type { Database, Statement } from "bun:sqlite";
import type { ListPage } from "../../../core/collections/list-page.ts";
import { epochOf } from "../../../core/conversation/epoch.ts";
import type { Emit } from "../../../core/events/events.ts";
import { eventsOfNews } from "../../../core/feed/conversation-events.ts";
import type {
  ConversationChange,
  ConversationNews,
  ConversationView,
  Role,
  Standing,
} from "../../../core/members/records.ts";
import type { MemberStore, NameRange, NewsListener } from "../../../core/ports/conversation/members.ts";
import { Listeners } from "../../listeners.ts";
import type { EventTable } from "../feed/event-table.ts";
import { isBusy } from "../folder/errors.ts";
import { CONVERSATION_COLUMNS, type ConversationRow } from "../messages/conversation-head.ts";
import type { MessageLog } from "../messages/message-log.ts";
import { readMeta } from "../schema.ts";
import { EndedRows } from "./ended-rows.ts";
import { decodeFacts, GUARD_MEMBERS_ONLY, GUARD_SANCTIONS, MemberTable } from "./member-table.ts";

/** How long a change waits for a lock that another process or the index worker holds, in milliseconds. */
const LOCK_TIMEOUT_MS = 5_000;
const LOCK_RETRY_MS = 2;

/** Marks a conversation as changed by a command, for a running server (messages/retention-sweeper.ts). */
const CHANGED = "changed = (select max(changed) + 1 from conversation)";

export interface SqliteMembersDeps {
  readonly db: Database;
  readonly messages: Pick<MessageLog, "headOf" | "timeOf" | "rowChanged" | "find">;
  /** The store's time, in milliseconds since 1970. */
  readonly now: () => number;
  /** A command next to a server that may run on the store: its changes are written down for that server. */
  readonly isCommand?: boolean;
  readonly emit: Emit;
  /** Where the events of a change are written, in its transaction. */
  readonly events: Pick<EventTable, "add">;
  /** Called after a change is stored. */
  readonly changed?: () => void;
}

/** The port for facts and members on SQLite. Each change is one transaction, between the batches of posts. */
export class SqliteMembers implements MemberStore {
  readonly table: MemberTable;
  private readonly endedRows: EndedRows;
  private readonly listeners: Listeners<Parameters<NewsListener>>;
  private readonly epoch: string;
  private readonly rowOf: Statement<ConversationRow>;
  /** The last change by a command that the listeners were notified of. */
  private lastNotified: number;

  constructor(private readonly deps: SqliteMembersDeps) {
    const { db } = deps;
    this.table = new MemberTable(db);
    this.endedRows = new EndedRows(db);
    this.rowOf = db.prepare(`select ${CONVERSATION_COLUMNS} from conversation where id = ?`);
    this.epoch = readMeta(db, "epoch") ?? "";
    this.listeners = new Listeners({
      onError: (error) => deps.emit("engine.listener_failed", { error: String(error) }),
    });
    const { last } = db.query("select max(position) as last from member_news").get() as {
      last: number | null;
    };
    this.lastNotified = last ?? 0;
  }

  async read(conversation: string, users: readonly string[]): Promise<ConversationView> {
    const { messages, now } = this.deps;
    const row = this.row(conversation);
    if (row === undefined)
      return {
        exists: false,
        facts: undefined,
        epoch: epochOf(this.epoch, 0),
        seq: 0,
        lastAt: undefined,
        members: 0,
        owners: 0,
        standings: new Map(),
        revision: 0,
        now: now(),
      };
    const head = messages.headOf(row);
    const standings = new Map<string, Standing>();
    for (const user of users) {
      const standing = this.table.find(row, user);
      if (standing !== undefined) standings.set(user, standing);
    }
    return {
      exists: row.facts !== null || head.seq > row.removed_seq,
      facts: decodeFacts(row),
      epoch: epochOf(this.epoch, row.removals),
      seq: head.seq,
      lastAt: head.first > head.seq ? undefined : messages.timeOf(head, head.seq),
      members: row.members,
      owners: row.owners,
      standings,
      revision: row.revision,
      now: now(),
    };
  }

  async readForUser(user: string, conversations: readonly string[]) {
    return { views: this.table.readForUser(user, conversations), now: this.deps.now() };
  }

  async change(conversation: string, revision: number, change: ConversationChange): Promise<boolean> {
    const changed = await this.inTransaction(() => this.apply(conversation, revision, change));
    if (changed === undefined) return false;
    // Posts of the same turn of the event loop are decided on this.
    this.deps.messages.rowChanged(changed);
    this.announce(conversation, change.news);
    this.deps.changed?.();
    return true;
  }

  async markOpened(conversation: string, user: string): Promise<void> {
    const row = this.row(conversation);
    // Read first: most members have opened the conversation already.
    if (row === undefined || this.table.find(row, user)?.unopened === undefined) return;
    await this.inTransaction(() => {
      this.deps.db
        .query("update member set unopened = null where conversation = ? and user = ? and life = ?")
        .run(row.number, user, row.removals);
    });
  }

  async members(conversation: string, range: NameRange) {
    const row = this.row(conversation);
    return row === undefined ? { members: [], more: false } : this.table.list(row, range);
  }

  async sanctions(conversation: string, kind: "muted" | "banned", range: NameRange) {
    const row = this.row(conversation);
    if (row === undefined) return { sanctions: [], more: false };
    return this.table.sanctions(row, kind, range, this.deps.now());
  }

  async oldest(conversation: string, role: Role, except: string) {
    const row = this.row(conversation);
    return row === undefined ? undefined : this.table.oldest(row, role, except);
  }

  async conversationsOf(user: string, range: NameRange) {
    return this.table.conversationsOf(user, range, this.deps.now());
  }

  async listSize(user: string) {
    return this.table.listSize(user);
  }

  async names(limit: number, cursor = ""): Promise<ListPage<string>> {
    const rows = this.deps.db
      .query("select id from conversation where id > ? order by id limit ?")
      .all(cursor, limit + 1) as { id: string }[];
    const items = rows.slice(0, limit).map(({ id }) => id);
    return { items, next: rows.length > limit ? items.at(-1) : undefined };
  }

  async nameSecret(): Promise<string> {
    return readMeta(this.deps.db, "name_secret")!;
  }

  watch(listener: NewsListener): () => void {
    return this.listeners.add((news) => listener(...news));
  }

  /** Notifies the listeners of a change that is stored. */
  announce(conversation: string, news: readonly ConversationNews[]): void {
    if (news.length > 0) this.listeners.notify([conversation, news]);
  }

  /** Notifies the listeners of the changes that commands have made in other processes, and deletes the notes of them. */
  pollForCommands(): void {
    const { db } = this.deps;
    const rows = db
      .query("select position, conversation, news from member_news where position > ? order by position")
      .all(this.lastNotified) as { position: number; conversation: string; news: string }[];
    if (rows.length === 0) return;
    this.lastNotified = rows.at(-1)!.position;
    for (const { conversation, news } of rows) this.announce(conversation, JSON.parse(news));
    // Another process may hold the lock: a later round deletes them.
    db.query("delete from member_news where position <= ?").run(this.lastNotified);
  }

  /** Deletes some of the rows that mean nothing any more. MUST be called outside a transaction. */
  deleteEnded(now: number): void {
    this.endedRows.deleteSome(now);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.listeners.clear();
    this.table.close();
    this.endedRows.close();
    this.rowOf.finalize();
  }

  /** Writes a change. Returns the conversation's row after it; undefined when another change was made meanwhile. */
  private apply(
    conversation: string,
    revision: number,
    { facts, standings = [], news }: ConversationChange,
  ): ConversationRow | undefined {
    const { db, now, isCommand } = this.deps;
    const at = now();
    const present = this.row(conversation);
    if ((present?.revision ?? 0) !== revision) return undefined;
    if (present === undefined) db.query("insert into conversation (id) values (?)").run(conversation);
    const row = present ?? this.row(conversation)!;
    let { members, owners, guard } = row;
    for (const change of standings) {
      const moved = this.table.change(row, change, at);
      members += moved.members;
      owners += moved.owners;
      if (change.muted || change.banned) guard |= GUARD_SANCTIONS;
      if (moved.members > 0) this.markAllRead(row, change.user);
    }
    if (facts !== undefined)
      guard = facts.access === "members" ? guard | GUARD_MEMBERS_ONLY : guard & ~GUARD_MEMBERS_ONLY;
    db.query(
      `update conversation set facts = coalesce(?, facts), guard = ?, members = ?, owners = ?,
         revision = revision + 1 ${isCommand ? `, ${CHANGED}` : ""} where number = ?`,
    ).run(facts === undefined ? null : JSON.stringify(facts), guard, members, owners, row.number);
    db.query(
      `insert into head (conversation, seq, at, changed) values (?, 0, 0, ?)
       on conflict do update set changed = max(changed, excluded.changed)`,
    ).run(row.number, at);
    this.writeEvents(row, facts !== undefined, news, at);
    if (isCommand && news.length > 0)
      db.query("insert into member_news (conversation, news) values (?, ?)").run(
        conversation,
        JSON.stringify(news),
      );
    return this.row(conversation);
  }

  private writeEvents(row: ConversationRow, hasFacts: boolean, news: ConversationChange["news"], at: number) {
    const existed = row.facts !== null || this.deps.messages.headOf(row).seq > row.removed_seq;
    const epoch = epochOf(this.epoch, row.removals);
    for (const event of eventsOfNews(row.id, news, hasFacts && !existed, epoch))
      this.deps.events.add(event, at);
  }

  /** A new member begins with nothing unread (IN1). */
  private markAllRead(row: ConversationRow, user: string): void {
    this.deps.db
      .query(
        `insert into mark (conversation, user, seq, sent) values (?, ?, 0, ?)
         on conflict do update set sent = max(sent, excluded.sent)`,
      )
      .run(row.number, user, this.deps.messages.headOf(row).seq);
  }

  private row(conversation: string): ConversationRow | undefined {
    return this.rowOf.get(conversation) ?? undefined;
  }

  /** Runs `work` in a transaction that waits for the lock, but not on the event loop. */
  private async inTransaction<T>(work: () => T): Promise<T> {
    const transaction = this.deps.db.transaction(work);
    for (let waited = 0; ; waited += LOCK_RETRY_MS) {
      try {
        return transaction.immediate() as T;
      } catch (error) {
        if (!isBusy(error) || waited >= LOCK_TIMEOUT_MS) throw error;
      }
      await Bun.sleep(LOCK_RETRY_MS);
    }
  }
}
