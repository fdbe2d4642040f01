import { Database } from "bun:sqlite";
import type { StoreCounts } from "../../../core/backup/manifest.ts";
import { SCHEMA_VERSION } from "../migrations.ts";

// How a store is copied while a server writes it.
//
//   message, charge, event   grow at their end; copied in parts, each a read of some 20 ms
//   all other tables         small beside these; copied in the last part, together with the rest of these three
//                                                                              ▲ the moment that the copy shows
//
// One long read would be simpler (VACUUM INTO). But while a connection reads an old state, the write-ahead log cannot be emptied:
// it grows, and texts that were erased stay in it.
//
// A row of `message` that was copied may change before the last part, in three ways only (messages/message-log.ts, eraser.ts):
//
//   an edit or erasure shortens the body    it writes a row at the end of `change`, too; the message is copied again
//   retention or a removal blanks rows      they are below the floor of their conversation; the copy blanks them itself
//   the erasure of a person                 touches all three tables; the copy begins again

/** The tables that are copied in parts, and their keys, which only grow. */
const LOGS = [
  { table: "message", key: "position", isPruned: false },
  { table: "charge", key: "position", isPruned: true },
  { table: "event", key: "number", isPruned: true },
] as const;

/** How long a part should read, in milliseconds, and the number of rows in it. */
const PART_MS = 20;
const MIN_PART_ROWS = 100;
const MAX_PART_ROWS = 20_000;

/** With fewer rows left, the last part begins. */
const LAST_PART_ROWS = 5_000;
/** After so many rounds the last part begins in any case: the server writes as fast as the copy reads. */
const MAX_ROUNDS = 8;

/** Facts of the store that belong to a running server, not to a copy. */
const SERVER_FACTS = "'erasing', 'running_since_boot', 'probe'";

export interface CopyState {
  readonly version: number;
  readonly epoch: string;
  readonly erasures: string;
  readonly lastChange: number;
}

/** Called with how much of the logs is copied, between 0 and 1, and the bytes of the copy so far. */
export type CopyProgress = (share: number, bytes: number) => void | Promise<void>;

/** Raised when the store has not the tables of this version. */
export class OtherSchema extends Error {
  constructor(version: number) {
    super(
      version > SCHEMA_VERSION
        ? `The store was written by a newer Parley (schema ${version}, this one knows ${SCHEMA_VERSION}): make the backup with that one.`
        : `The store has the tables of an older Parley (schema ${version}, this one writes ${SCHEMA_VERSION}): start the server once, or make the backup with the older one.`,
    );
  }
}

/** A copy of a store that is being written to a new file. The result is whole only after `finish`. */
export class StoreCopy {
  private readonly db: Database;
  private began: CopyState | undefined;
  private rows = 1_000;

  /** Creates the file at `target`, which must not exist, for a copy of the store at `source`. */
  constructor(source: string, target: string) {
    this.db = new Database(target, { create: true, strict: true });
    try {
      // A copy that is interrupted is thrown away, so it needs no journal on the disk.
      for (const pragma of ["journal_mode = memory", "synchronous = off", "secure_delete = on"])
        this.db.run(`pragma ${pragma}`);
      this.db.run("pragma cache_size = -32000");
      this.db.run("pragma busy_timeout = 5000");
      this.db.query("attach ? as source").run(source);
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** Copies what is stored, in parts, while a server may write. Throws OtherSchema. */
  async copyInParts(progress: CopyProgress): Promise<void> {
    const { db } = this;
    this.began = this.read(() => this.state());
    if (this.began.version !== SCHEMA_VERSION) throw new OtherSchema(this.began.version);
    for (const { sql } of this.definitions("table")) db.run(sql);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const { table, key } of LOGS) {
        while (this.copyPart(table, key) > 0) await progress(this.share(), this.bytes());
      }
      if (this.missing() < LAST_PART_ROWS) return;
    }
  }

  /**
   * Copies all that is missing in one read, and so decides of which moment the copy is. Returns false if the copy has to begin
   * again, because rows changed that were copied.
   */
  copyRest(): boolean {
    return this.read(() => {
      const { db } = this;
      const [began, now] = [this.began!, this.state()];
      const isSame =
        now.version === began.version && now.epoch === began.epoch && now.erasures === began.erasures;
      // A number that was used is used again only where a table was empty, and then nothing is known of its rows.
      if (!isSame || now.lastChange < began.lastChange) return false;
      for (const { table, key } of LOGS) {
        if (this.last("source", table, key) < this.last("main", table, key)) return false;
        db.run(
          `insert into main.${table} select * from source.${table} where ${key} > (${maxOf(table, key)})`,
        );
      }
      db.query(
        `insert or replace into main.message select m.* from source.change c
           join source.message m on m.position = c.message where c.position > ?`,
      ).run(began.lastChange);
      const logs: readonly string[] = LOGS.map(({ table }) => table);
      for (const { name } of this.definitions("table"))
        if (!logs.includes(name)) db.run(`insert into main."${name}" select * from source."${name}"`);
      db.run("delete from main.sqlite_sequence");
      db.run("insert into main.sqlite_sequence select * from source.sqlite_sequence");
      for (const { table, key, isPruned } of LOGS) {
        if (!isPruned) continue;
        const { first } = db.query(`select min(${key}) as first from source.${table}`).get() as {
          first: number | null;
        };
        if (first === null) db.run(`delete from main.${table}`);
        else db.query(`delete from main.${table} where ${key} < ?`).run(first);
      }
      return true;
    });
  }

  /** Completes the copy without the store: blanks removed messages, and makes the indexes. Returns what is in the copy. */
  finish(): { readonly epoch: string; readonly counts: StoreCounts } {
    const { db } = this;
    const { version, epoch } = this.began!;
    const indexes = this.definitions("index");
    db.run("detach source");
    db.run(`delete from meta where key in (${SERVER_FACTS})`);
    db.run(`
      update message set id = '', sender = '', body = ''
        where sender <> '' and seq < (select first_seq from conversation where number = message.conversation)
    `);
    for (const { sql } of indexes) db.run(sql);
    db.run(`pragma user_version = ${version}`);
    return { epoch, counts: countStore(db) };
  }

  close(): void {
    this.db.close();
  }

  /** Runs `work` on one state of the store. */
  private read<T>(work: () => T): T {
    return this.db.transaction(work)();
  }

  private state(): CopyState {
    const { db } = this;
    const { user_version: version } = db.query("pragma source.user_version").get() as {
      user_version: number;
    };
    if (version !== SCHEMA_VERSION) return { version, epoch: "", erasures: "", lastChange: 0 };
    const { epoch } = db.query("select value as epoch from source.meta where key = 'epoch'").get() as {
      epoch: string;
    };
    // Each step of an erasure of a person changes its record, in the same transaction.
    const erasures = JSON.stringify(
      db.query("select id, record from source.erasure where started_at > 0 order by id").values(),
    );
    return { version, epoch, erasures, lastChange: this.last("source", "change", "position") };
  }

  /** Copies some rows of a log. Returns their number. */
  private copyPart(table: string, key: string): number {
    const began = performance.now();
    const { changes } = this.db
      .query(
        `insert into main.${table} select * from source.${table}
           where ${key} > (${maxOf(table, key)}) order by ${key} limit ?`,
      )
      .run(this.rows);
    const took = performance.now() - began;
    if (took > PART_MS) this.rows = Math.max(MIN_PART_ROWS, this.rows >> 1);
    else if (changes === this.rows && took < PART_MS / 2) this.rows = Math.min(MAX_PART_ROWS, this.rows * 2);
    return changes;
  }

  private definitions(type: "table" | "index"): { readonly name: string; readonly sql: string }[] {
    return this.db
      .query(
        `select name, sql from source.sqlite_schema where type = ? and sql is not null and name not like 'sqlite_%'`,
      )
      .all(type) as { name: string; sql: string }[];
  }

  private last(schema: "main" | "source", table: string, key: string): number {
    const row = this.db.query(`select max(${key}) as last from ${schema}.${table}`).get() as {
      last: number | null;
    };
    return row.last ?? 0;
  }

  /** How many positions of the logs are not copied yet. */
  private missing(): number {
    const missing = LOGS.map(
      ({ table, key }) => this.last("source", table, key) - this.last("main", table, key),
    );
    return missing.reduce((sum, rows) => sum + rows, 0);
  }

  private share(): number {
    const [done, all] = (["main", "source"] as const).map((schema) =>
      LOGS.reduce((sum, { table, key }) => sum + this.last(schema, table, key), 0),
    );
    return all === 0 ? 1 : done! / all!;
  }

  private bytes(): number {
    const { page_count: pages } = this.db.query("pragma main.page_count").get() as { page_count: number };
    const { page_size: size } = this.db.query("pragma main.page_size").get() as { page_size: number };
    return pages * size;
  }
}

/** Counts what is in a store, by reading all of it. */
export function countStore(db: Database): StoreCounts {
  const count = (from: string) =>
    (db.query(`select count(*) as count from ${from}`).get() as { count: number }).count;
  return {
    messages: count("message where sender <> ''"),
    conversations: count("conversation"),
    members: count("member where role is not null"),
    accounts: count("account"),
  };
}

function maxOf(table: string, key: string): string {
  return `select coalesce(max(${key}), -1) from main.${table}`;
}
