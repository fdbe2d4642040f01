import type { Database } from "bun:sqlite";

// How a name leaves the pages of a table whose rows are written among each other.
//
// SQLite leaves copies of a row behind when it moves the row to another page (changes/appended-table.ts), and no later update finds them.
// The tables of the log are written so that no row is ever moved. Those of accounts, members and marks are not: they have keys, and
// their pages are divided and merged. So each of them is written again into a new table, in the order of its key:
//
//   table ── triggers: each change ──▶ table_new      1. the new table, with its indexes and the triggers
//         ── some rows of each part ─▶                2. rows are copied, in parts; where a trigger was first, its row stays
//   table_old ◀─ renamed ─ table ◀─ renamed ─ new     3. in one transaction
//   table_old: rows deleted in parts, then dropped    4. with `secure_delete`, so that its pages are overwritten with zeros
//
// Other requests go on between two parts. What a crash interrupts is begun again, but for step 4, which goes on.

/** The number of rows that one part copies or deletes: some two milliseconds. */
const PART_ROWS = 200;

interface Column {
  readonly name: string;
  /** Its place in the key, from 1 on; 0: it is not part of it. */
  readonly pk: number;
}

/** Rewrites one table. MUST be called inside transactions with `secure_delete`. */
export class TableRewrite {
  private readonly columns: readonly string[];
  private readonly key: readonly string[];
  private readonly fresh: string;
  private readonly old: string;
  /** In the definition of an index; SQLite puts a renamed table in quotes. */
  private readonly onTable: RegExp;

  constructor(
    private readonly db: Database,
    private readonly table: string,
  ) {
    const columns = db.query(`pragma table_info(${table})`).all() as Column[];
    this.columns = columns.map(({ name }) => quoted(name));
    this.key = columns
      .filter(({ pk }) => pk > 0)
      .sort((one, other) => one.pk - other.pk)
      .map(({ name }) => quoted(name));
    this.fresh = `${table}_new`;
    this.old = `${table}_old`;
    this.onTable = new RegExp(` on "?${table}"? `, "i");
  }

  /** Does one part; `after`: what the part before it has returned. Undefined: the table is rewritten. */
  part(after: string | undefined): string | undefined {
    if (after === undefined) return this.begin();
    if (after === "old") return this.clearOld();
    if (!this.exists(this.fresh)) return this.begin();
    const last = this.copy(after === "new" ? undefined : (JSON.parse(after) as unknown[]));
    if (last !== undefined) return JSON.stringify(last);
    this.replace();
    return "old";
  }

  private begin(): string {
    // The rewriting before this one may have ended after its step 3.
    if (this.exists(this.old)) return "old";
    this.dropTriggers();
    this.db.run(`drop table if exists ${this.fresh}`);
    this.db.run(this.definition("table", this.table).replace(this.table, this.fresh));
    for (const { name, sql } of this.indexes())
      this.db.run(sql.replace(name, otherName(name)).replace(this.onTable, ` on ${this.fresh} `));
    const values = (row: string) => this.columns.map((column) => `${row}.${column}`).join(", ");
    const remove = (row: string) =>
      `delete from ${this.fresh} where ${this.key.map((column) => `${column} = ${row}.${column}`).join(" and ")};`;
    // A row that the statement has replaced fires no trigger.
    const insert = `insert or replace into ${this.fresh} (${this.columns.join(", ")}) values (${values("new")});`;
    const on = (event: string, body: string) =>
      this.db.run(
        `create trigger ${this.table}_on_${event} after ${event} on ${this.table} begin ${body} end`,
      );
    on("insert", remove("new") + insert);
    on("update", remove("old") + remove("new") + insert);
    on("delete", remove("old"));
    return "new";
  }

  /** Copies some rows after the key `after`; returns the key of the last one, undefined if there are no more. */
  private copy(after: readonly unknown[] | undefined): unknown[] | undefined {
    const key = this.key.join(", ");
    const where = after === undefined ? "" : `where (${key}) > (${after.map(() => "?").join(", ")})`;
    const given = (after ?? []) as string[];
    const last = this.db
      .query(`select ${key} from ${this.table} ${where} order by ${key} limit 1 offset ${PART_ROWS - 1}`)
      .values(...given)[0] as string[] | undefined;
    const upTo = last && `${where === "" ? "where" : "and"} (${key}) <= (${last.map(() => "?").join(", ")})`;
    const columns = this.columns.join(", ");
    this.db
      .query(
        `insert or ignore into ${this.fresh} (${columns}) select ${columns} from ${this.table} ${where} ${upTo ?? ""} order by ${key}`,
      )
      .run(...given, ...(last ?? []));
    return last;
  }

  private replace(): void {
    this.dropTriggers();
    this.keepSequence();
    this.db.run(`alter table ${this.table} rename to ${this.old}`);
    this.db.run(`alter table ${this.fresh} rename to ${this.table}`);
  }

  /** A key that grows must not be used again, although the rows that had it are deleted. */
  private keepSequence(): void {
    if (!this.definition("table", this.table).includes("autoincrement")) return;
    const { seq } = (this.db.query("select seq from sqlite_sequence where name = ?").get(this.table) as {
      seq: number;
    } | null) ?? { seq: 0 };
    this.db.query("delete from sqlite_sequence where name = ?").run(this.fresh);
    this.db.query("insert into sqlite_sequence (name, seq) values (?, ?)").run(this.fresh, seq);
  }

  private clearOld(): string | undefined {
    const key = this.key.join(", ");
    const { changes } = this.db
      .query(
        `delete from ${this.old} where (${key}) in (select ${key} from ${this.old} order by ${key} limit ${PART_ROWS})`,
      )
      .run();
    if (changes > 0) return "old";
    this.db.run(`drop table ${this.old}`);
    return undefined;
  }

  private dropTriggers(): void {
    for (const event of ["insert", "update", "delete"])
      this.db.run(`drop trigger if exists ${this.table}_on_${event}`);
  }

  private exists(table: string): boolean {
    return this.db.query("select 1 from sqlite_schema where type = 'table' and name = ?").get(table) !== null;
  }

  private definition(type: string, name: string): string {
    const { sql } = this.db
      .query("select sql from sqlite_schema where type = ? and name = ?")
      .get(type, name) as {
      sql: string;
    };
    return sql;
  }

  private indexes(): { readonly name: string; readonly sql: string }[] {
    return this.db
      .query("select name, sql from sqlite_schema where type = 'index' and tbl_name = ? and sql is not null")
      .all(this.table) as { name: string; sql: string }[];
  }
}

/** Indexes have names of their own in a file, so the new table's have others, and the next rewriting gives the first ones again. */
function otherName(index: string): string {
  return index.endsWith("_b") ? index.slice(0, -2) : `${index}_b`;
}

function quoted(name: string): string {
  return `"${name}"`;
}
