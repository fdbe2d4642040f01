// A name leaves the pages of a table that is written among others, though SQLite has moved its rows (PD2).
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FreePages } from "../../../../src/engine/sqlite/person/free-pages.ts";
import { TableRewrite } from "../../../../src/engine/sqlite/person/table-rewrite.ts";
import { Random } from "../../../support/random.ts";

const SEED = 1931;
const GONE = "zelda-fitz-1931";

/** Rows like those of members, whose keys are in no order, added and deleted at random; some of them name a person who goes. */
function fill(db: Database, random: Random): Map<string, string> {
  db.run(`
    create table pair (
      place integer, user text, unopened integer, sanction text, primary key (place, user)
    ) without rowid;
    create index pair_user on pair (user, place);
    create index pair_sanction on pair (place, user) where sanction is not null;
    create table note (position integer primary key autoincrement, user text unique, text text not null);
  `);
  const kept = new Map<string, string>();
  const put = db.query("insert or replace into pair values (?, ?, 1, ?)");
  for (let i = 0; i < 6_000; i++) {
    if (i % 200 === 0) db.run(i === 0 ? "begin" : "commit; begin");
    const place = random.between(1, 900);
    if (random.between(0, 5) === 0) {
      db.query(
        "delete from pair where (place, user) in (select place, user from pair where place >= ? limit 3)",
      ).run(place);
    } else {
      const user = random.between(0, 2) === 0 ? GONE : `user-${random.between(1, 300)}`;
      put.run(place, user, "x".repeat(random.between(0, 60)) || null);
    }
    db.query("insert or replace into note (user, text) values (?, ?)").run(
      `${i % 500}`,
      i % 9 === 0 ? GONE : "text",
    );
  }
  db.run("commit");
  db.query("delete from pair where user = ?").run(GONE);
  db.query("delete from note where text = ?").run(GONE);
  for (const { place, user, sanction } of db.query("select * from pair").all() as Record<string, string>[])
    kept.set(`${place} ${user}`, sanction!);
  return kept;
}

test(`PD2 no copy of a deleted row stays in the pages of a table, while other rows change (seed ${SEED})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-rewrite-"));
  const path = join(folder, "store.db");
  const copies = () => readFileSync(path).toString("latin1").split(GONE).length - 1;
  try {
    using db = new Database(path);
    db.run("pragma journal_mode = wal; pragma secure_delete = fast");
    const random = new Random(SEED);
    const kept = fill(db, random);
    const flush = () => void db.run("pragma wal_checkpoint(truncate)");
    flush();
    // This is why the rewriting is there.
    expect(copies()).toBeGreaterThan(0);
    db.run("pragma secure_delete = on");
    const { seq: last } = db.query("select seq from sqlite_sequence where name = 'note'").get() as {
      seq: number;
    };
    let parts = 0;
    for (const table of ["pair", "note"]) {
      const part = db.transaction((after: string | undefined) => new TableRewrite(db, table).part(after));
      // What a crash has interrupted begins again, but for the last step.
      part(part(undefined));
      for (let after = part.immediate(undefined); after !== undefined; after = part.immediate(after)) {
        parts++;
        const [place, user] = [random.between(1, 900), `new-${parts}`];
        db.query("insert into pair values (?, ?, 1, 'new')").run(place, user);
        kept.set(`${place} ${user}`, "new");
        const [key] = [...kept.keys()].slice(random.between(0, kept.size - 1));
        const [at, name] = key!.split(" ");
        if (random.between(0, 1) === 0) {
          db.query("delete from pair where place = ? and user = ?").run(Number(at), name!);
          kept.delete(key!);
        } else {
          db.query("update pair set sanction = 'changed' where place = ? and user = ?").run(
            Number(at),
            name!,
          );
          kept.set(key!, "changed");
        }
        db.query("insert or replace into note (user, text) values (?, ?)").run(`${parts % 500}`, "later");
      }
    }
    expect(parts).toBeGreaterThan(15);
    const free = db.transaction((after: string | undefined) => new FreePages(db).part(after));
    for (let after = free(undefined); after !== undefined; ) after = free(after);
    flush();
    expect(copies()).toBe(0);
    const rows = db.query("select * from pair").all() as Record<string, string>[];
    expect(new Map(rows.map(({ place, user, sanction }) => [`${place} ${user}`, sanction!]))).toEqual(kept);
    expect(db.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    expect(
      db
        .query("select name from sqlite_schema where type in ('table', 'trigger') order by name")
        .values()
        .flat(),
    ).toEqual(["note", "pair", "sqlite_sequence"]);
    expect(
      db
        .query(
          "select count(*) as n from sqlite_schema where type = 'index' and tbl_name = 'pair' and sql is not null",
        )
        .get(),
    ).toEqual({ n: 2 });
    // A position is never used twice.
    db.query("insert into note (user, text) values ('next', '')").run();
    const { next } = db.query("select max(position) as next from note").get() as { next: number };
    expect(next).toBe(last + parts + 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
