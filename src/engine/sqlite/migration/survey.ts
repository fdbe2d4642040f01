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

/** The rows that are read at once: meanwhile the process does nothing else, and its connection to Redis has to be kept. */
const ROWS_AT_ONCE = 20_000;

type Row = [position: number, conversation: number, seq: number, at: number, sender: string, bytes: number];

/** What is kept of a conversation. */
class KeptMessages {
  count = 0;
  bytes = 0;
  seq = 0;
  at = 0;
  sender = "";
  /** The oldest message that is young enough. */
  young: number | undefined;

  constructor(
    readonly row: ConversationRow,
    /** Messages that were stored before are not carried, in milliseconds since 1970. */
    private readonly since: number,
  ) {}

  /** Messages come in the order of their numbers. */
  add(seq: number, at: number, sender: string, bytes: number): void {
    this.count++;
    this.bytes += bytes;
    this.seq = seq;
    this.at = at;
    this.sender = sender;
    if (at >= this.since) this.young ??= seq;
  }
}

/** Reads the whole log once: decides which messages are carried, as `retentionFloor` of the core does, and counts everything. */
export async function surveyStore(db: Database, retention: RetentionLimits, now: number): Promise<Survey> {
  const kept = await readKept(db, retention, now);
  const conversations = new Map<number, SurveyedConversation>();
  let [messages, bytes, leftOut] = [0, 0, 0];
  for (const [number, found] of kept) {
    const { row, count } = found;
    const seq = Math.max(found.seq, row.first_seq - 1);
    const most = row.keep_messages ?? retention.messages;
    const byCount = most > 0 ? Math.max(row.first_seq, seq - most + 1) : row.first_seq;
    const hasDays = (row.keep_days ?? retention.days) > 0;
    const floor = hasDays ? Math.max(byCount, found.young ?? seq + 1) : byCount;
    const carried = Math.min(count, seq - floor + 1);
    messages += carried;
    leftOut += count - carried;
    if (count > 0) bytes += Math.round((found.bytes * carried) / count);
    conversations.set(number, { id: row.id, floor, seq, at: found.at, by: senderOf(found.sender) });
  }
  return {
    now,
    size: { ...countRows(db), conversations: kept.size, messages, bytes, leftOut },
    conversations,
  };
}

function countRows(db: Database): Omit<MigrationSize, "conversations" | "messages" | "bytes" | "leftOut"> {
  const count = (table: string, where = "1") =>
    (db.query(`select count(*) as count from ${table} where ${where}`).get() as { count: number }).count;
  return {
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
}

/** Returns the conversations by their numbers, with their messages that were not removed. */
async function readKept(
  db: Database,
  { days }: RetentionLimits,
  now: number,
): Promise<ReadonlyMap<number, KeptMessages>> {
  const rows = db.query(`select ${CONVERSATION_COLUMNS} from conversation`).all() as ConversationRow[];
  const kept = new Map(
    rows.map((row) => [row.number, new KeptMessages(row, now - (row.keep_days ?? days) * DAY_MS)]),
  );
  const page = db.prepare(
    `select position, conversation, seq, at, sender, length(cast(body as blob)) + length(id) + 2 * length(sender)
     from message where position > ? order by position limit ${ROWS_AT_ONCE}`,
  );
  for (let after = 0; ; ) {
    const some = page.values(after) as Row[];
    for (const [, number, seq, at, sender, bytes] of some) {
      const found = kept.get(number);
      // A row without a sender was blanked.
      if (sender !== "" && found !== undefined && seq >= found.row.first_seq)
        found.add(seq, at, sender, bytes);
    }
    if (some.length < ROWS_AT_ONCE) break;
    after = some.at(-1)![0];
    await Bun.sleep(0);
  }
  page.finalize();
  return kept;
}
