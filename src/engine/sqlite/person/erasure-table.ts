import type { Database } from "bun:sqlite";
import type { Erasure } from "../../../core/person/erasure.ts";

/** How long the report of an erasure that has ended is kept, in milliseconds. */
const REPORT_MS = 24 * 3_600_000;

/** What is stored of an erasure beside its id and the name. */
type Stored = Omit<Erasure, "id" | "user">;

/**
 * The erasures that are under way, and the reports of those that have ended. The names are in a table of their own, which has a row for
 * each erasure that is under way: so few that SQLite never moves one to another page, where a copy would stay.
 */
export class ErasureTable {
  constructor(private readonly db: Database) {}

  /** Adds an erasure, unless one of its user is under way, which is returned. MUST be called inside a transaction, as `save`. */
  begin(erasure: Erasure): Erasure {
    const present = this.db.query("select id from erasing_person where user = ?").get(erasure.user!) as {
      id: string;
    } | null;
    const found = present === null ? undefined : this.find(present.id);
    if (found !== undefined) return found;
    this.db
      .query("delete from erasure where started_at < ? and id not in (select id from erasing_person)")
      .run(erasure.startedAt - REPORT_MS);
    this.db
      .query("insert or replace into erasing_person (id, user) values (?, ?)")
      .run(erasure.id, erasure.user!);
    this.save(erasure);
    return erasure;
  }

  save({ id, user, ...stored }: Erasure): void {
    this.db
      .query("insert or replace into erasure (id, started_at, record) values (?, ?, ?)")
      .run(id, stored.startedAt, JSON.stringify(stored));
    if (user === undefined) this.db.query("delete from erasing_person where id = ?").run(id);
  }

  find(id: string): Erasure | undefined {
    const row = this.db
      .query(
        "select e.id, user, record from erasure e left join erasing_person p on p.id = e.id where e.id = ?",
      )
      .get(id) as Row | null;
    return row === null ? undefined : decodeRow(row);
  }

  pending(): Erasure[] {
    return (
      this.db
        .query(
          "select e.id, user, record from erasing_person p join erasure e on e.id = p.id order by started_at",
        )
        .all() as Row[]
    ).map(decodeRow);
  }
}

/** Returns all erasures, also those that have ended, in the order in which they were begun. */
export function readErasures(db: Database): Erasure[] {
  return (
    db
      .query(
        "select e.id, user, record from erasure e left join erasing_person p on p.id = e.id order by started_at",
      )
      .all() as Row[]
  ).map(decodeRow);
}

interface Row {
  readonly id: string;
  readonly user: string | null;
  readonly record: string;
}

function decodeRow({ id, user, record }: Row): Erasure {
  const stored = JSON.parse(record) as Stored;
  return { ...stored, after: stored.after, id, user: user ?? undefined };
}
