import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { AppendedTable } from "../../../../src/engine/sqlite/changes/appended-table.ts";
import { Random, seeds } from "../../../support/random.ts";

const LAYOUT = { name: "note", columns: ["number", "text"], blankBy: "text", texts: ["text"] };

function open(): { db: Database; table: AppendedTable } {
  const db = new Database(":memory:");
  db.run("create table note (position integer primary key, number integer not null, text text not null)");
  return { db, table: new AppendedTable(db, LAYOUT) };
}

/** The living rows by their number. */
function living(db: Database): Map<number, string> {
  const rows = db.query("select number, text from note where text <> '' order by number").values();
  return new Map(rows as [number, string][]);
}

const positionOf = (db: Database, number: number) =>
  (db.query("select position from note where number = ? and text <> ''").get(number) as { position: number })
    .position;

const count = (db: Database) => (db.query("select count(*) as n from note").get() as { n: number }).n;

for (const seed of seeds(7)) {
  test(`CH3 cleaning keeps each living row, and no more blank rows than living ones and a few pages (seed ${seed})`, () => {
    const random = new Random(seed);
    const { db, table } = open();
    const kept = new Map<number, string>();
    let number = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = random.between(0, 300); i > 0; i--) {
        table.append(++number, `text ${number}`);
        kept.set(number, `text ${number}`);
      }
      // Most rows go, old ones and new ones, so that some old ones lie between blank rows.
      const going = [...kept.keys()].filter(() => random.between(0, 3) > 0);
      table.blank(going.map((one) => positionOf(db, one)));
      for (const one of going) kept.delete(one);
      while (table.needsCleaning) table.clean();
      expect(living(db)).toEqual(new Map([...kept].sort(([a], [b]) => a - b)));
      expect(count(db)).toBeLessThanOrEqual(2 * kept.size + 2_100);
      if (random.between(0, 5) === 0) table.reload();
    }
    table.close();
  });
}

test("CH3 rows that are deleted lie at the start, far from living ones, and a place is never used twice", () => {
  const { db, table } = open();
  const deleted: number[] = [];
  const before = () => new Set((db.query("select position from note").values() as [number][]).flat());
  for (let number = 1; number <= 6_000; number++) table.append(number, "text");
  table.blank(Array.from({ length: 5_999 }, (_, i) => i + 2));
  while (table.needsCleaning) {
    const places = before();
    table.clean();
    const left = before();
    deleted.push(...[...places].filter((place) => !left.has(place)));
  }
  expect(deleted).toEqual(Array.from({ length: deleted.length }, (_, i) => i + 1));
  expect(deleted.length).toBeGreaterThan(3_000);
  const oldest = positionOf(db, 1);
  expect(oldest).toBe(6_001);
  expect(oldest - deleted.at(-1)!).toBeGreaterThan(1_000);
  table.reload();
  table.append(7_000, "new");
  expect(positionOf(db, 7_000)).toBe(6_002);
  table.close();
});
