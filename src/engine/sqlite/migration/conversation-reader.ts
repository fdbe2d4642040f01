import type { Database, Statement } from "bun:sqlite";
import type {
  ChangeRecord,
  ConversationRecord,
  MarkRecord,
  MemberRecord,
  ReactionRecord,
} from "../../../core/migration/records.ts";
import type { MemberColumns } from "../members/member-table.ts";
import { CONVERSATION_COLUMNS, type ConversationRow } from "../messages/conversation-head.ts";
import { ERASED_SENDER_MARK } from "../messages/erased-sender.ts";
import { readMeta } from "../schema.ts";
import type { Survey } from "./survey.ts";

interface MemberRow extends Omit<MemberColumns, "life"> {
  readonly user: string;
}

/** Reads conversations in the order of their numbers, after one. */
export function* readConversations(
  db: Database,
  survey: Survey,
  after: number,
): Generator<{ readonly place: number; readonly record: ConversationRecord }> {
  const reader = new ConversationReader(db, survey);
  const rows = db
    .query(`select ${CONVERSATION_COLUMNS} from conversation where number > ? order by number`)
    .iterate(after) as IterableIterator<ConversationRow>;
  try {
    for (const row of rows) yield { place: row.number, record: reader.read(row) };
  } finally {
    reader.close();
  }
}

class ConversationReader {
  private readonly members: Statement<MemberRow>;
  private readonly marks: Statement<MarkRecord>;
  private readonly changes: Statement<ChangeRecord>;
  private readonly reactions: Statement<ReactionRecord>;
  private readonly heads: Statement<{ seq: number; at: number; changed: number }>;
  /** The newest own messages that the table `mark` does not know yet: by conversation and user. */
  private readonly recent = new Map<number, Map<string, number>>();

  constructor(
    db: Database,
    private readonly survey: Survey,
  ) {
    this.members = db.prepare(
      `select user, role, since, unopened, "left", muted, banned, changed_at
       from member where conversation = ? and life = ? order by user`,
    );
    this.marks = db.prepare("select user, seq, at, sent from mark where conversation = ? order by user");
    this.changes = db.prepare(
      `select c.seq, c.rev, c.at, c.state, coalesce(e.body, '') as body from change c
       left join edit e on e.conversation = c.conversation and e.seq = c.seq and e.body <> ''
       where c.state <> '' and c.conversation = ? and c.seq >= ? order by c.seq`,
    );
    this.reactions = db.prepare(
      `select r.seq, r.rev, r.user, r.name from reaction r
       where r.user <> '' and r.conversation = ?1 and r.seq >= ?2
         and not exists (select 1 from erased_reactions e where e.conversation = ?1 and e.seq = r.seq)
       order by r.rev`,
    );
    this.heads = db.prepare("select seq, at, changed from head where conversation = ?");
    this.readRecent(db);
  }

  read(row: ConversationRow): ConversationRecord {
    const { number, removals, rev } = row;
    const { id, seq, at, by, floor } = this.survey.conversations.get(number)!;
    const head = this.heads.get(number);
    return {
      ...{ id, seq, by, removals, rev, revision: row.revision },
      at: at > 0 || head?.seq !== seq ? at : head.at,
      removedSeq: row.removed_seq,
      removedAt: row.removed_at,
      keepMessages: row.keep_messages,
      keepDays: row.keep_days,
      facts: row.facts ?? undefined,
      changedAt: head?.changed ?? 0,
      members: this.members.all(number, removals).map(decodeMember),
      marks: this.marksOf(number),
      changes: rev === 0 ? [] : this.changes.all(number, floor),
      reactions: rev === 0 ? [] : this.reactions.all(number, floor),
    };
  }

  close(): void {
    const { members, marks, changes, reactions, heads } = this;
    for (const statement of [members, marks, changes, reactions, heads]) statement.finalize();
  }

  private marksOf(number: number): MarkRecord[] {
    const stored = this.marks.all(number);
    const recent = this.recent.get(number);
    if (recent === undefined) return stored;
    const marks = new Map(stored.map((mark) => [mark.user, mark]));
    for (const [user, sent] of recent) {
      const mark = marks.get(user) ?? { user, seq: 0, at: 0, sent: 0 };
      marks.set(user, { ...mark, sent: Math.max(mark.sent, sent) });
    }
    return [...marks.values()];
  }

  /** Reads the end of the log, as inbox/recent-heads.ts does at the start of a server. */
  private readRecent(db: Database): void {
    const rows = db
      .query(
        `select conversation, sender, max(seq) as seq from message
         where position > ? and sender <> '' and sender <> ? group by conversation, sender`,
      )
      .all(Number(readMeta(db, "heads_to") ?? 0), ERASED_SENDER_MARK) as {
      conversation: number;
      sender: string;
      seq: number;
    }[];
    for (const { conversation, sender, seq } of rows) {
      if (seq < (this.survey.conversations.get(conversation)?.floor ?? 0)) continue;
      const users = this.recent.get(conversation) ?? new Map<string, number>();
      users.set(sender, seq);
      this.recent.set(conversation, users);
    }
  }
}

function decodeMember(row: MemberRow): MemberRecord {
  const { user, role, since, unopened, left, muted, banned, changed_at: changedAt } = row;
  return {
    user,
    role: role ?? undefined,
    since: since ?? 0,
    unopened: unopened !== null,
    left: left !== null,
    muted: muted === null ? undefined : JSON.parse(muted),
    banned: banned === null ? undefined : JSON.parse(banned),
    changedAt,
  };
}
