import type { Database } from "bun:sqlite";

// Pages that SQLite gave back keep what was in them, unless it was deleted with `secure_delete`, which costs too much for each charge and
// mark. When a person is erased, these pages are taken by a table of zeros, some at a time, and given back.

/** The bytes of zeros that one part writes or gives back. */
const PART_BYTES = 256 * 1024;

/** Overwrites the free pages of the store. MUST be called inside transactions with `secure_delete`. */
export class FreePages {
  constructor(private readonly db: Database) {}

  /** Does one part; `after`: what the part before it has returned. Undefined: all is done. */
  part(after: string | undefined): string | undefined {
    if (after === undefined) {
      this.db.run("drop table if exists zeros");
      this.db.run("create table zeros (number integer primary key, bytes blob not null)");
      return `fill ${this.number("freelist_count")}`;
    }
    const [step, given] = after.split(" ");
    if (step === "fill") {
      const left = Number(given);
      if (left <= 0 || this.number("freelist_count") === 0) return "empty";
      this.db.run(`insert into zeros (bytes) values (zeroblob(${PART_BYTES}))`);
      return `fill ${left - PART_BYTES / this.number("page_size")}`;
    }
    const { changes } = this.db
      .query("delete from zeros where number = (select max(number) from zeros)")
      .run();
    if (changes > 0) return "empty";
    this.db.run("drop table zeros");
    return undefined;
  }

  private number(pragma: "freelist_count" | "page_size"): number {
    return (this.db.query(`pragma ${pragma}`).get() as Record<string, number>)[pragma]!;
  }
}
