import type { Database, Statement } from "bun:sqlite";
import type { Entry } from "../../../core/conversation/entry.ts";
import { ERASED_SENDER_MARK } from "../messages/erased-sender.ts";
import { readMeta } from "../schema.ts";

// The inbox needs the newest `seq` and time of many conversations, and up to where each user has sent messages itself. To write
// both with each message would change two more pages in each commit. So they are written some seconds later, once for all
// messages of that time, into the tables `head` and `mark` (migrations.ts). Until then they are in memory:
//
//        log of messages  ───────────────┬───────────────▶ position
//        head and mark have them up to   │ these are in memory, and read from the log again after a crash
//                                   `heads_to`

/** How long a conversation's messages wait to be written, in milliseconds. */
const DELAY_MS = 20_000;
/** The limit of one round, in milliseconds, and the rows between two looks at the time. */
const ROUND_BUDGET_MS = 2;
const ROWS_AT_ONCE = 20;

interface RecentHead {
  /** The oldest position that is not written. */
  readonly from: number;
  /** The time of that message, in milliseconds since 1970. */
  readonly since: number;
  seq: number;
  at: number;
  /** The sender of the newest message. */
  sender: string;
  /** The newest `seq` of other senders. */
  others: Map<string, number> | undefined;
}

/** The messages of which the tables `head` and `mark` do not know yet. */
export class RecentHeads {
  /** By the number of the conversation, in the order of `from`. */
  private readonly heads = new Map<number, RecentHead>();
  private readonly writeHead: Statement;
  private readonly writeSent: Statement;
  private readonly writeChange: Statement;
  private readonly writeEnd: Statement;
  private readonly floor: Statement<{ first_seq: number }>;

  constructor(private readonly db: Database) {
    this.writeHead = db.prepare(
      `insert into head (conversation, seq, at) values (?, ?, ?)
       on conflict do update set seq = excluded.seq, at = excluded.at`,
    );
    this.writeSent = db.prepare(
      `insert into mark (conversation, user, seq, sent) values (?, ?, 0, ?)
       on conflict do update set sent = excluded.sent where excluded.sent > sent`,
    );
    this.writeChange = db.prepare(
      `insert into head (conversation, seq, at, changed) values (?, 0, 0, ?)
       on conflict do update set changed = max(changed, excluded.changed)`,
    );
    this.floor = db.prepare("select first_seq from conversation where number = ?");
    this.writeEnd = db.prepare("insert or replace into meta values ('heads_to', ?)");
  }

  /** The conversations that are not written yet. */
  get size(): number {
    return this.heads.size;
  }

  /** Records a message that was appended to the log. */
  add(
    conversation: number,
    { seq, at, from: sender }: Pick<Entry, "seq" | "at" | "from">,
    position: number,
  ): void {
    const known = this.heads.get(conversation);
    if (known === undefined) {
      this.heads.set(conversation, { from: position, since: at, seq, at, sender, others: undefined });
      return;
    }
    if (known.sender !== sender) {
      known.others ??= new Map();
      known.others.set(known.sender, known.seq);
      known.sender = sender;
    }
    known.seq = seq;
    known.at = at;
  }

  /** Returns the newest message of a conversation, if it is not written yet. */
  newest(conversation: number): { readonly seq: number; readonly at: number } | undefined {
    return this.heads.get(conversation);
  }

  /** Returns the newest `seq` that the user has sent and that is not written yet; 0 for none. */
  sentBy(conversation: number, user: string): number {
    const head = this.heads.get(conversation);
    if (head === undefined) return 0;
    return head.sender === user ? head.seq : (head.others?.get(user) ?? 0);
  }

  /** Drops what is not written about a user. */
  forget(user: string): void {
    for (const head of this.heads.values()) {
      head.others?.delete(user);
      if (head.sender === user) head.sender = ERASED_SENDER_MARK;
    }
  }

  /** Records that the items of all users of a conversation have changed. MUST be called inside a transaction. */
  change(conversation: number, now: number): void {
    this.writeChange.run(conversation, now);
  }

  /** Reads the messages that are not written from the log. MUST be called at the start, and after a commit that failed. */
  reload(): void {
    this.heads.clear();
    const rows = this.db
      .query(
        "select position, conversation, seq, sender, at from message where position > ? and sender <> '' order by position",
      )
      .iterate(Number(readMeta(this.db, "heads_to") ?? 0)) as IterableIterator<{
      position: number;
      conversation: number;
      seq: number;
      sender: string;
      at: number;
    }>;
    for (const { position, conversation, seq, sender, at } of rows)
      this.add(conversation, { seq, at, from: sender }, position);
  }

  /** Whether there is something to write at the store's time `now`. */
  isDue(now: number): boolean {
    const [oldest] = this.heads.values();
    return oldest !== undefined && oldest.since <= now - DELAY_MS;
  }

  /**
   * Writes what has waited long enough, as much as the budget allows. `lastPosition` is the end of the log. MUST be called inside
   * a transaction; if that fails, `reload` MUST be called.
   */
  write(now: number, lastPosition: number): void {
    const until = performance.now() + ROUND_BUDGET_MS;
    for (const [conversation, head] of this.heads) {
      if (head.since > now - DELAY_MS || !this.writeOne(conversation, head, until)) break;
      this.heads.delete(conversation);
    }
    const [oldest] = this.heads.values();
    this.writeEnd.run(String(oldest === undefined ? lastPosition : oldest.from - 1));
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    const { writeHead, writeSent, writeChange, writeEnd, floor } = this;
    for (const statement of [writeHead, writeSent, writeChange, writeEnd, floor]) statement.finalize();
  }

  /** Returns false when the budget was used before all of the conversation was written. */
  private writeOne(conversation: number, head: RecentHead, until: number): boolean {
    const first = this.floor.get(conversation)?.first_seq ?? 1;
    let rows = 0;
    for (const [user, seq] of head.others ?? []) {
      if (rows++ % ROWS_AT_ONCE === 0 && performance.now() > until) return false;
      this.writeSenderOf(conversation, user, seq, first);
      head.others!.delete(user);
    }
    if (performance.now() > until) return false;
    this.writeSenderOf(conversation, head.sender, head.seq, first);
    this.writeHead.run(conversation, head.seq, head.at);
    return true;
  }

  /** Messages that are not kept are not unread, so nothing is written about them: their conversation may have been removed. */
  private writeSenderOf(conversation: number, user: string, seq: number, first: number): void {
    if (seq >= first && user !== ERASED_SENDER_MARK) this.writeSent.run(conversation, user, seq);
  }
}
