import type { Database } from "bun:sqlite";
import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { MigrationSize } from "../../../core/migration/records.ts";
import { CONVERSATION_COLUMNS, type ConversationRow } from "../messages/conversation-head.ts";
import { senderOf } from "../messages/erased-sender.ts";

const DAY_MS = 86_400_000;

/** The place of a conversation in a migration. */
export interface SurveyedConversation {
  readonly id: string;
  /** The oldest message that is carried; newest + 1 for none. */
  readonly floor: number;
  readonly seq: number;
  /** When the newest message was stored, and who sent it; 0 and '' if none is kept. */
  readonly at: number;
  readonly by: string;
}

/** What a migration has to know of all conversations before it reads them. */
export interface Survey {
  readonly now: number;
  readonly size: MigrationSize;
  readonly conversations: ReadonlyMap<number, SurveyedConversation>;
}

interface KeptRow {
  readonly number: number;
  readonly count: number;
  readonly bytes: number;
  readonly seq: number;
  readonly at: number;
  readonly sender: string;
}

/** Reads the whole log once: decides which messages are carried, as `retentionFloor` of the core does, and counts everything. */
export function surveyStore(db: Database, retention: RetentionLimits, now: number): Survey {
  const kept = new Map(readKept(db).map((row) => [row.number, row]));
  const young = readYoung(db, retention, now);
  const conversations = new Map<number, SurveyedConversation>();
  let [messages, bytes, leftOut] = [0, 0, 0];
  const rows = db.query(`select ${CONVERSATION_COLUMNS} from conversation`).iterate();
  for (const row of rows as IterableIterator<ConversationRow>) {
    const found = kept.get(row.number);
    const seq = Math.max(found?.seq ?? 0, row.first_seq - 1);
    const most = row.keep_messages ?? retention.messages;
    const byCount = most > 0 ? Math.max(row.first_seq, seq - most + 1) : row.first_seq;
    const hasDays = (row.keep_days ?? retention.days) > 0;
    const floor = hasDays ? Math.max(byCount, young.get(row.number) ?? seq + 1) : byCount;
    const carried = found === undefined ? 0 : Math.min(found.count, seq - floor + 1);
    messages += carried;
    leftOut += (found?.count ?? 0) - carried;
    if (found !== undefined) bytes += Math.round((found.bytes * carried) / found.count);
    conversations.set(row.number, {
      id: row.id,
      floor,
      seq,
      at: found?.at ?? 0,
      by: found === undefined ? "" : senderOf(found.sender),
    });
  }
  const count = (table: string, where = "1") =>
    (db.query(`select count(*) as count from ${table} where ${where}`).get() as { count: number }).count;
  const size: MigrationSize = {
    ...{ conversations: conversations.size, messages, bytes, leftOut },
    members: count("member", "role is not null"),
    marks: count("mark"),
    changes: count("change", "state <> ''"),
    reactions: count("reaction", "user <> ''"),
    accounts: count("account"),
    signIns: count("refresh_family"),
    charges: count("charge", "user <> ''"),
    webhooks: count("webhook"),
    apiKeys: count("api_key"),
    streams: count("stream"),
  };
  return { now, size, conversations };
}

/** Of each conversation with messages: their number, and the newest. SQLite takes the other columns from the row with the maximum. */
function readKept(db: Database): KeptRow[] {
  return db
    .query(
      `select m.conversation as number, count(*) as count, max(m.seq) as seq, m.at as at, m.sender as sender,
         sum(length(cast(m.body as blob)) + length(m.id) + 2 * length(m.sender)) as bytes
       from message m join conversation c on c.number = m.conversation
       where m.sender <> '' and m.seq >= c.first_seq group by m.conversation`,
    )
    .all() as KeptRow[];
}

/** Of each conversation whose messages have an age limit, the oldest one that is younger. */
function readYoung(db: Database, { days }: RetentionLimits, now: number): ReadonlyMap<number, number> {
  const isLimited =
    days > 0 || db.query("select 1 from conversation where keep_days > 0 limit 1").get() !== null;
  if (!isLimited) return new Map();
  const rows = db
    .query(
      `select m.conversation as number, min(m.seq) as seq from message m join conversation c on c.number = m.conversation
       where m.sender <> '' and m.at >= ?1 - coalesce(c.keep_days, ?2) * ${DAY_MS} group by m.conversation`,
    )
    .all(now, days) as { number: number; seq: number }[];
  return new Map(rows.map(({ number, seq }) => [number, seq]));
}
