import type { Database } from "bun:sqlite";
import { decodeContent, decodeState, type MessageErasure } from "../../../core/changes/message-state.ts";
import { QUOTA_WINDOW_MS } from "../../../core/conversation/quota.ts";
import type { Standing } from "../../../core/members/records.ts";
import type { PersonRecord } from "../../../core/person/records.ts";
import type { PersonPage, PersonReader } from "../../../core/ports/person/person-store.ts";
import { doPart, type SectionPart, type Sections } from "../../sections.ts";
import { CONVERSATION_COLUMNS, type ConversationRow } from "../messages/conversation-head.ts";
import type { MessageLog } from "../messages/message-log.ts";

/** How many rows of a table one part looks at: some two milliseconds. Tables that are read by a key have fewer. */
const SCANNED_ROWS = 2_000;
const READ_ROWS = 200;

type Records = SectionPart<readonly PersonRecord[]>;

/** The columns of a standing in the table `member`. */
interface StandingRow {
  readonly conversation: string;
  readonly number: number;
  readonly role: string | null;
  readonly since: number | null;
  readonly left: number | null;
  readonly muted: string | null;
  readonly banned: string | null;
}

/** The positions after `after`, up to `last`, that a part reads, and the newest one of its section. */
interface Range {
  readonly after: number;
  readonly last: number;
  readonly newest: number;
}

function nextOf({ last, newest }: Range): string | undefined {
  return last < newest ? `${last} ${newest}` : undefined;
}

export interface PersonReaderDeps {
  readonly db: Database;
  readonly messages: Pick<MessageLog, "headOf" | "read">;
  /** The store's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Reads what the store has about a person, table by table, some rows at a time. */
export class SqlitePersonReader implements PersonReader {
  private readonly conversations = new Map<number, ConversationRow>();

  constructor(private readonly deps: PersonReaderDeps) {}

  async read(user: string, after?: string): Promise<PersonPage> {
    this.conversations.clear();
    const { value, next } = await doPart(this.sectionsFor(user), after);
    return { records: value, next };
  }

  private sectionsFor(user: string): Sections<readonly PersonRecord[]> {
    return {
      account: () => this.account(user),
      memberships: (after) => this.memberships(user, Number(after ?? 0)),
      marks: (after) => this.marks(user, Number(after ?? 0)),
      messages: (after) => this.messages(user, this.range("message", after)),
      reactions: (after) => this.reactions(user, this.range("reaction", after)),
      erasures: (after) => this.erasures(user, this.range("change", after)),
      discarded: (after) => this.discarded(user, this.range("message", after)),
      sanctions: (after) => this.sanctions(user, Number(after ?? 0)),
      streams: () => this.streams(user),
    };
  }

  private account(user: string): Records {
    const { db, now } = this.deps;
    const records: PersonRecord[] = [];
    const account = db
      .query("select plan, disabled, demo, created_at from account where user = ?")
      .get(user) as { plan: string; disabled: number; demo: number; created_at: number } | null;
    if (account !== null)
      records.push({
        ...{ type: "account", plan: account.plan, created_at: account.created_at },
        ...{ disabled: account.disabled !== 0, demo: account.demo !== 0 },
      });
    const families = db
      .query("select signed_in_at, expires_at from refresh_family where user = ? order by signed_in_at, id")
      .all(user) as { signed_in_at: number; expires_at: number }[];
    for (const family of families) records.push({ type: "sign_in", ...family });
    const revoked = db.query("select before from revocation where user = ?").get(user) as {
      before: number;
    } | null;
    if (revoked !== null) records.push({ type: "revocation", before: revoked.before });
    const { count } = db
      .query("select coalesce(sum(count), 0) as count from charge where user = ? and at > ?")
      .get(user, now() - QUOTA_WINDOW_MS) as { count: number };
    if (count > 0) records.push({ type: "requests", count });
    return { value: records, next: undefined };
  }

  private memberships(user: string, after: number): Records {
    const rows = this.deps.db
      .query(
        `select number, id as conversation, role, since, "left", muted, banned from member
         join conversation on number = conversation
         where user = ? and conversation > ? and life = removals order by conversation limit ?`,
      )
      .all(user, after, READ_ROWS) as StandingRow[];
    const value = rows
      .map(({ conversation, ...row }) => ({ type: "membership" as const, conversation, ...standingOf(row) }))
      .filter((record) => Object.keys(record).length > 2);
    return { value, next: rows.length < READ_ROWS ? undefined : String(rows.at(-1)!.number) };
  }

  /** There is no index of the marks by user: each conversation is looked up. */
  private marks(user: string, after: number): Records {
    const rows = this.deps.db
      .query(
        `select id as conversation, mark.seq, mark.at from conversation
         join mark on mark.conversation = number and user = ?
         where number > ? and number <= ? and mark.seq > 0 order by number`,
      )
      .all(user, after, after + READ_ROWS * 5) as { conversation: string; seq: number; at: number }[];
    const value = rows.map(
      ({ conversation, seq, at }): PersonRecord => ({
        ...{ type: "read_mark", conversation, seq },
        ...(at > 0 && { at }),
      }),
    );
    return { value, next: this.nextConversation(after + READ_ROWS * 5) };
  }

  private messages(user: string, range: Range): Records {
    const { after, last } = range;
    const rows = this.deps.db
      .query(
        `select position, conversation, seq from message
         where position > ? and position <= ? and sender = ? order by position`,
      )
      .all(after, last, user) as { position: number; conversation: number; seq: number }[];
    const value: PersonRecord[] = [];
    for (const { position, conversation, seq } of rows) {
      if (value.length === READ_ROWS) return { value, next: `${position - 1} ${range.newest}` };
      const record = this.message(conversation, seq);
      if (record !== undefined) value.push(record);
    }
    return { value, next: nextOf(range) };
  }

  private message(number: number, seq: number): PersonRecord | undefined {
    const row = this.conversation(number);
    const head = row && this.deps.messages.headOf(row);
    if (head === undefined || seq < head.first) return undefined;
    const [entry] = this.deps.messages.read(head, seq, seq, false, 0).entries;
    if (entry === undefined) return undefined;
    const { rev: _, reactions: __, ...content } = JSON.parse(`{${entry.body}}`);
    return { type: "message", conversation: head.id, seq, id: entry.id, at: entry.at, ...content };
  }

  private reactions(user: string, range: Range): Records {
    const { after, last } = range;
    const rows = this.deps.db
      .query(
        `select id as conversation, seq, name as reaction from reaction r join conversation on number = r.conversation
         where position > ? and position <= ? and user = ? and seq >= first_seq and not exists
           (select 1 from erased_reactions e where e.conversation = r.conversation and e.seq = r.seq)
         order by position`,
      )
      .all(after, last, user) as { conversation: string; seq: number; reaction: string }[];
    const value = rows.map((row): PersonRecord => ({ type: "reaction", ...row }));
    return { value, next: nextOf(range) };
  }

  /** What the person erased of others: messages, and streams that the person discarded, whose erasure is in their body. */
  private erasures(user: string, range: Range): Records {
    const { after, last } = range;
    const by = `%,"erased":{"by":"${user}"%`;
    const rows = this.deps.db
      .query(
        `select c.id as conversation, t.seq, t.state from change t
         join conversation c on number = t.conversation join message m on m.position = t.message
         where t.position > ? and t.position <= ? and t.state like ? and t.seq >= first_seq and m.sender <> ?
         order by t.position`,
      )
      .all(after, last, by, user) as { conversation: string; seq: number; state: string }[];
    const value = rows.flatMap(({ state, ...place }) => erasuresBy(user, place, decodeState(state).erased));
    return { value, next: nextOf(range) };
  }

  private discarded(user: string, range: Range): Records {
    const { after, last } = range;
    const by = `%,"erased":{"by":"${user}"%`;
    const rows = this.deps.db
      .query(
        `select c.id as conversation, m.seq, m.body from message m join conversation c on number = m.conversation
         where position > ? and position <= ? and body like ? and m.seq >= first_seq and sender <> ? order by position`,
      )
      .all(after, last, by, user) as { conversation: string; seq: number; body: string }[];
    const value = rows.flatMap(({ body, ...place }) => erasuresBy(user, place, decodeContent(body).erased));
    return { value, next: nextOf(range) };
  }

  private sanctions(user: string, after: number): Records {
    const last = after + READ_ROWS;
    const value = (["muted", "banned"] as const).flatMap((column) => {
      // Members are many, mutes and bans are few: they have indexes of their own.
      const rows = this.deps.db
        .query(
          `select id as conversation, ${column} as sanction from member join conversation on number = conversation
           where conversation > ? and conversation <= ? and life = removals and ${column} is not null`,
        )
        .all(after, last) as { conversation: string; sanction: string }[];
      return rows.flatMap(({ conversation, sanction }): PersonRecord[] => {
        const { by, at } = JSON.parse(sanction) as { by: string; at: number };
        const kind = column === "muted" ? "mute" : "ban";
        return by === user ? [{ type: "sanction_given", conversation, kind, at }] : [];
      });
    });
    return { value, next: this.nextConversation(last) };
  }

  private streams(user: string): Records {
    const { db } = this.deps;
    const rows = db
      .query("select number, conversation, stream, id, started_at as at from stream where user = ?")
      .all(user) as { number: number; conversation: string; stream: string; id: string; at: number }[];
    const value = rows.map(({ number, ...stream }): PersonRecord => {
      const batches = db
        .query("select text, data from stream_batch where stream = ? and text <> '' order by position")
        .all(number) as { text: string; data: string | null }[];
      const data = batches.findLast((batch) => batch.data !== null)?.data;
      const text = batches.map((batch) => JSON.parse(batch.text) as string).join("");
      return { type: "stream", ...stream, text, ...(data != null && { data: JSON.parse(data) }) };
    });
    return { value, next: undefined };
  }

  /** Returns the rows that a part reads. Those that come after the first part are not read: there may be no last one. */
  private range(table: "message" | "reaction" | "change", text = "0"): Range {
    const [after, known] = text.split(" ").map(Number) as [number, number?];
    const newest = known ?? this.newest(table);
    return { after, last: Math.min(after + SCANNED_ROWS, newest), newest };
  }

  private newest(table: "message" | "reaction" | "change"): number {
    const row = this.deps.db.query(`select coalesce(max(position), 0) as newest from ${table}`).get();
    return (row as { newest: number }).newest;
  }

  /** Returns `last` if there are conversations after it. */
  private nextConversation(last: number): string | undefined {
    const more = this.deps.db.query("select 1 from conversation where number > ? limit 1").get(last);
    return more === null ? undefined : String(last);
  }

  private conversation(number: number): ConversationRow | undefined {
    const known = this.conversations.get(number);
    if (known !== undefined) return known;
    const row = this.deps.db
      .query(`select ${CONVERSATION_COLUMNS} from conversation where number = ?`)
      .get(number) as ConversationRow | null;
    if (row !== null) this.conversations.set(number, row);
    return row ?? undefined;
  }
}

function erasuresBy(
  user: string,
  place: { readonly conversation: string; readonly seq: number },
  erased: MessageErasure | undefined,
): PersonRecord[] {
  if (erased?.by !== user) return [];
  const { at, reason } = erased;
  return [{ type: "erasure", ...place, at, ...(reason !== undefined && { reason }) }];
}

function standingOf(
  row: Omit<StandingRow, "conversation" | "number">,
): Omit<Standing, "role"> & { role?: string } {
  return {
    ...(row.role !== null && { role: row.role }),
    ...(row.since !== null && { since: row.since }),
    ...(row.left !== null && { left: true as const }),
    ...(row.muted !== null && { muted: JSON.parse(row.muted) }),
    ...(row.banned !== null && { banned: JSON.parse(row.banned) }),
  };
}
