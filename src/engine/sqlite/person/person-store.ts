import type { Database } from "bun:sqlite";
import type { Sanction } from "../../../core/members/records.ts";
import { ERASED_USER } from "../../../core/person/erased-user.ts";
import { type Erasure, endMembership } from "../../../core/person/erasure.ts";
import type { MemberStore } from "../../../core/ports/conversation/members.ts";
import type { ForgottenPart, PersonPage, PersonStore } from "../../../core/ports/person/person-store.ts";
import { doPart, type SectionPart, type Sections } from "../../sections.ts";
import { detailsWithout } from "../feed/event-table.ts";
import type { SqliteFeed } from "../feed/feed.ts";
import type { RecentHeads } from "../inbox/recent-heads.ts";
import { ERASED_SENDER_MARK } from "../messages/erased-sender.ts";
import type { Eraser } from "../messages/eraser.ts";
import type { MessageLog } from "../messages/message-log.ts";
import type { QuotaLog } from "../messages/quota-log.ts";
import type { SqliteStreams } from "../streams/streams.ts";
import { ErasureTable } from "./erasure-table.ts";
import { FreePages } from "./free-pages.ts";
import { nameDigest } from "./name-digest.ts";
import { type PersonReaderDeps, SqlitePersonReader } from "./person-reader.ts";
import { TableRewrite } from "./table-rewrite.ts";

/** How many rows of a table one part looks at, and how many it reads by a key. */
const SCANNED_ROWS = 2_000;
const READ_ROWS = 200;

/**
 * The tables that name users and are not written like the log: their pages may have copies of rows that were moved. `charge` is deleted
 * from its start, where the page of the first row is divided again and again.
 */
export const REWRITTEN_TABLES = [
  "account",
  "refresh_family",
  "revocation",
  "member",
  "member_news",
  "mark",
  "charge",
  "conversation",
  "stream",
  "stop_request",
  "event",
  "present_user",
] as const;

export interface PersonStoreDeps extends Omit<PersonReaderDeps, "messages"> {
  readonly db: Database;
  readonly messages: MessageLog;
  readonly eraser: Pick<Eraser, "inTransaction" | "markBlanked" | "finish" | "pending">;
  readonly charges: QuotaLog;
  readonly recent: RecentHeads;
  readonly members: Pick<MemberStore, "read" | "change" | "oldest">;
  readonly streams: Pick<SqliteStreams, "forget">;
  readonly feed: Pick<SqliteFeed, "append">;
  /** Removes the messages that are no longer kept: their rows have senders. */
  readonly sweep: () => Promise<void>;
}

/** A row of a user that is no membership: what is one is ended first, so that its conversation stops counting it. */
const ENDED_MEMBERSHIP = `user = ? and
  (role is null or life is not (select removals from conversation c where c.number = member.conversation))`;

type Counts = Readonly<Record<string, number>>;
type Part = SectionPart<Counts>;

/** The port for persons on SQLite. Each part is one transaction, between the batches of posts. */
export class SqlitePersons implements PersonStore {
  private readonly reader: SqlitePersonReader;
  private readonly erasures: ErasureTable;

  constructor(private readonly deps: PersonStoreDeps) {
    this.reader = new SqlitePersonReader(deps);
    this.erasures = new ErasureTable(deps.db);
  }

  read(user: string, after?: string): Promise<PersonPage> {
    return this.reader.read(user, after);
  }

  async forget(user: string, after?: string): Promise<ForgottenPart> {
    return this.doOne(this.holdersOf(user), after);
  }

  async purge(user: string, after?: string): Promise<ForgottenPart> {
    const { db, eraser, sweep } = this.deps;
    const sections: Sections<Counts> = {
      // Messages that retention has removed from conversations, and not yet from the files.
      removed: async () => {
        await sweep();
        return done({});
      },
      // Of what was still under way when the person was signed out.
      leave: (after) => this.leave(user, after),
      marks: (from) => this.write(() => this.marks(user, Number(from ?? 0))),
      memberships: () => this.write(() => this.remove("memberships", "member", ENDED_MEMBERSHIP, user)),
      events: (after) => this.write(() => this.events(user, Number(after ?? 0))),
      present: () =>
        this.write(() => {
          db.query("delete from present_user where user = ?").run(user);
          return done({});
        }),
      seal: () => this.write(() => this.sealRevocation(user)),
    };
    const rewrites: Record<string, Sections<Counts>[string]> = {};
    for (const table of REWRITTEN_TABLES)
      rewrites[`rewrite_${table}`] = (from) =>
        this.write(() => ({ value: {}, next: new TableRewrite(db, table).part(from) }));
    return this.doOne(
      {
        ...sections,
        ...rewrites,
        free: (from) => this.write(() => ({ value: {}, next: new FreePages(db).part(from) })),
        log: async () => {
          await eraser.finish();
          // A reader may keep the write-ahead log from being truncated; the next part tries again.
          return { value: {}, next: eraser.pending ? "again" : undefined };
        },
      },
      after,
    );
  }

  async begin(erasure: Erasure): Promise<Erasure> {
    let begun = erasure;
    await this.deps.eraser.inTransaction(() => {
      begun = this.erasures.begin(erasure);
    });
    return begun;
  }

  async save(erasure: Erasure): Promise<void> {
    const { eraser, feed } = this.deps;
    // Before the end is stored, so that a crash between the two loses no event.
    if (erasure.user === undefined) await feed.append([{ type: "user.erased", details: { id: erasure.id } }]);
    await eraser.inTransaction(() => {
      this.erasures.save(erasure);
      if (erasure.user === undefined) eraser.markBlanked();
    });
    if (erasure.user === undefined) await eraser.finish();
  }

  async find(id: string): Promise<Erasure | undefined> {
    return this.erasures.find(id);
  }

  async pending(): Promise<readonly Erasure[]> {
    return this.erasures.pending();
  }

  private async doOne(sections: Sections<Counts>, after: string | undefined): Promise<ForgottenPart> {
    const { value, next } = await doPart(sections, after);
    return { counts: value, next };
  }

  /** What names the person beside messages and the account, table by table. */
  private holdersOf(user: string): Sections<Counts> {
    const by = this.deps.db;
    return {
      leave: (after) => this.leave(user, after),
      memberships: () => this.write(() => this.remove("memberships", "member", ENDED_MEMBERSHIP, user)),
      sanctions: (after) => this.write(() => this.sanctionsBy(user, Number(after ?? 0))),
      direct: (after) => this.write(() => this.directConversations(user, Number(after ?? 0))),
      news: () =>
        this.write(() => {
          by.query("delete from member_news where instr(news, ?) > 0").run(`"${user}"`);
          return done({});
        }),
      marks: (after) => this.write(() => this.marks(user, Number(after ?? 0))),
      requests: () => this.write(() => this.requests(user)),
      sessions: () => this.write(() => this.remove("sign_ins", "refresh_family", "user = ?", user)),
      stops: () => this.write(() => this.stops(user)),
    };
  }

  /** Runs a part in a transaction that overwrites what it deletes. */
  private async write(part: () => Part): Promise<Part> {
    const { eraser } = this.deps;
    let result: Part = done({});
    await eraser.inTransaction(() => {
      eraser.markBlanked();
      result = part();
    });
    return result;
  }

  /** Ends the memberships that were made since the step `leave`, one conversation a part, each once. */
  private async leave(user: string, after = ""): Promise<Part> {
    const { db, members } = this.deps;
    const present = db
      .query(
        `select id from member join conversation on number = conversation
         where user = ? and id > ? and role is not null and life = removals order by id limit 1`,
      )
      .get(user, after) as { id: string } | null;
    if (present === null) return done({});
    await endMembership(members, present.id, user);
    return { value: {}, next: present.id };
  }

  /** Deletes some rows. */
  private remove(kind: string, table: "member" | "refresh_family", where: string, user: string): Part {
    const key = table === "member" ? "conversation, user" : "id";
    const { changes } = this.deps.db
      .query(
        `delete from ${table} where (${key}) in (select ${key} from ${table} where ${where} limit ${READ_ROWS})`,
      )
      .run(user);
    return { value: { [kind]: changes }, next: changes === 0 ? undefined : "more" };
  }

  /** Takes the name and the reason out of the mutes and bans that the person gave to others. */
  private sanctionsBy(user: string, after: number): Part {
    const { db } = this.deps;
    const last = after + READ_ROWS;
    let count = 0;
    for (const column of ["muted", "banned"]) {
      const rows = db
        .query(
          `select conversation, user, ${column} as sanction from member
           where conversation > ? and conversation <= ? and ${column} is not null`,
        )
        .all(after, last) as { conversation: number; user: string; sanction: string }[];
      for (const row of rows) {
        const { reason: _, ...sanction } = JSON.parse(row.sanction) as Sanction;
        if (sanction.by !== user) continue;
        db.query(`update member set ${column} = ? where conversation = ? and user = ?`).run(
          JSON.stringify({ ...sanction, by: ERASED_USER }),
          row.conversation,
          row.user,
        );
        count++;
      }
    }
    return { value: { sanctions_given: count }, next: this.nextConversation(last) };
  }

  /** A direct conversation stays with the other user, and has no second one any more. */
  private directConversations(user: string, after: number): Part {
    const { db } = this.deps;
    const last = after + SCANNED_ROWS;
    const rows = db
      .query(
        "select number, facts from conversation where number > ? and number <= ? and instr(facts, ?) > 0",
      )
      .all(after, last, `"${user}"`) as { number: number; facts: string }[];
    let count = 0;
    for (const { number, facts: text } of rows) {
      const facts = JSON.parse(text) as { direct?: string[] };
      if (!facts.direct?.includes(user)) continue;
      const direct = facts.direct.map((name) => (name === user ? ERASED_USER : name));
      db.query("update conversation set facts = ?, revision = revision + 1 where number = ?").run(
        JSON.stringify({ ...facts, direct }),
        number,
      );
      count++;
    }
    return { value: { direct_conversations: count }, next: this.nextConversation(last) };
  }

  /** The feed keeps who did what; the event stays, without the name. */
  private events(user: string, after: number): Part {
    const { db } = this.deps;
    const last = after + SCANNED_ROWS;
    const rows = db
      .query(
        `select number, user, details from event
         where number > ? and number <= ? and (user = ? or instr(details, ?) > 0)`,
      )
      .all(after, last, user, `"${user}"`) as {
      number: number;
      user: string | null;
      details: string | null;
    }[];
    for (const { number, user: about, details } of rows) {
      const isOwn = about === user;
      db.query("update event set user = ?, details = ? where number = ?").run(
        isOwn ? ERASED_SENDER_MARK : about,
        details === null ? null : detailsWithout(user, isOwn, details),
        number,
      );
    }
    const more = db.query("select 1 from event where number > ? limit 1").get(last);
    return { value: { events: rows.length }, next: more === null ? undefined : String(last) };
  }

  private marks(user: string, after: number): Part {
    const last = after + READ_ROWS * 5;
    this.deps.recent.forget(user);
    const removed = this.deps.db
      .query(
        `delete from mark where user = ?1 and conversation in (
           select number from conversation join mark m on m.conversation = number and m.user = ?1
           where number > ?2 and number <= ?3) returning seq`,
      )
      .all(user, after, last) as { seq: number }[];
    // A member who has read nothing has a row, too, which an export does not show.
    return {
      value: { read_marks: removed.filter(({ seq }) => seq > 0).length },
      next: this.nextConversation(last),
    };
  }

  /** Blanks the charges in place; a charge without a user counts for nobody. */
  private requests(user: string): Part {
    const { db, charges } = this.deps;
    charges.forget(user);
    const { changes } = db.query("update charge set user = '' where user = ?").run(user);
    return done({ requests: changes });
  }

  /** Requests of the person to stop the streams of others. */
  private stops(user: string): Part {
    const { db, streams } = this.deps;
    db.query("delete from stop_request where asked_by = ?").run(user);
    db.query("update stream set cancelled_by = ? where cancelled_by = ?").run(ERASED_USER, user);
    streams.forget(user);
    return done({});
  }

  private sealRevocation(user: string): Part {
    const { db } = this.deps;
    const row = db.query("select before from revocation where user = ?").get(user) as {
      before: number;
    } | null;
    if (row === null) return done({});
    db.query(
      `insert into revoked_person (digest, before) values (?, ?)
       on conflict do update set before = max(before, excluded.before)`,
    ).run(nameDigest(db, user), row.before);
    db.query("delete from revocation where user = ?").run(user);
    return done({});
  }

  private nextConversation(last: number): string | undefined {
    const more = this.deps.db.query("select 1 from conversation where number > ? limit 1").get(last);
    return more === null ? undefined : String(last);
  }
}

function done(counts: Counts): Part {
  return { value: counts, next: undefined };
}
