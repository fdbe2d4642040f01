import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";

// How texts that can be erased are kept outside of the log of messages:
//
//      deleted      blank and living rows, mixed                        appended
//   ┌──────────┬─────────────────────────────────────────────────────┬──────────▶ position
//   │          │ ··· A ··· B C ····· D ··                            │ A B
//   └──────────┴─────────────────────────────────────────────────────┴──────────
//              └─ cleaning goes on from here, and moves living rows to the end
//
// SQLite leaves copies of a row behind when it moves the row to another page, and a later erasure does not find them. It moves rows
// when one of them grows, when a row is inserted between others, and when rows are deleted next to living ones. So none of this
// happens here: a new text is a new row at the end, the old row is blanked in place, and rows are deleted only at the start, far from
// living ones. What would stay between blank rows for ever is moved to the end, where the move itself blanks the old row in place.
//
// The indexes of these tables hold numbers only, so copies of their rows hold no text.

/** Blank rows that are not deleted: they lie between the deleted ones and the living ones, and fill several pages. */
const MARGIN_ROWS = 1_000;
/** Blank rows that are no reason to clean, however few rows are living. */
const MIN_BLANK_ROWS = 2 * MARGIN_ROWS;
/** The number of rows that one step of cleaning looks at. */
const STEP_ROWS = 100;

/** What distinguishes one such table from another. */
export interface AppendedTableLayout {
  readonly name: string;
  /** Its columns without `position`. */
  readonly columns: readonly string[];
  /** The column that is empty in a blank row; all texts of the row are emptied with it. */
  readonly blankBy: string;
  readonly texts: readonly string[];
}

interface Extent {
  readonly first: number | null;
  readonly last: number | null;
}

/** A table of texts that is written at its end, blanked in place, and deleted from its start. */
export class AppendedTable {
  private readonly insert: Statement;
  private readonly empty: Statement;
  private readonly living: Statement<{ position: number }>;
  private readonly move: Statement;
  private readonly remove: Statement;
  private first = 1;
  private last = 0;
  private livingCount = 0;
  /** All rows before this position are blank. */
  private cleanedTo = 1;

  constructor(
    private readonly db: Database,
    private readonly layout: AppendedTableLayout,
  ) {
    const { name, columns, blankBy, texts } = layout;
    const names = columns.join(", ");
    this.insert = db.prepare(
      `insert into ${name} (position, ${names}) values (?, ${columns.map(() => "?").join(", ")})`,
    );
    this.empty = db.prepare(
      `update ${name} set ${texts.map((text) => `${text} = ''`).join(", ")} where position = ?`,
    );
    this.living = db.prepare(
      `select position from ${name} where position between ? and ? and ${blankBy} <> '' order by position`,
    );
    this.move = db.prepare(
      `insert into ${name} (position, ${names}) select ?, ${names} from ${name} where position = ?`,
    );
    this.remove = db.prepare(`delete from ${name} where position between ? and ?`);
    this.reload();
  }

  /** Reads from the disk where the table begins and ends. MUST be called after a transaction that failed. */
  reload(): void {
    const { name, blankBy } = this.layout;
    const { first, last } = this.db
      .query(`select min(position) as first, max(position) as last from ${name}`)
      .get() as Extent;
    this.first = first ?? 1;
    this.last = last ?? 0;
    this.cleanedTo = this.first;
    const row = this.db.query(`select count(*) as count from ${name} where ${blankBy} <> ''`).get();
    this.livingCount = (row as { count: number }).count;
  }

  /** Writes a row with the values of all columns, in their order. MUST be called inside a transaction, as all below. */
  append(...values: SQLQueryBindings[]): void {
    this.insert.run(this.last + 1, ...values);
    this.last++;
    this.livingCount++;
  }

  /** Empties the texts of living rows in place. */
  blank(positions: readonly number[]): void {
    if (positions.length === 0) return;
    // A row may be longer than a page; without this, SQLite leaves what is in the pages that it frees.
    this.db.run("pragma secure_delete = on");
    try {
      for (const position of positions) this.empty.run(position);
    } finally {
      this.db.run("pragma secure_delete = fast");
    }
    this.livingCount -= positions.length;
  }

  /** Whether so many rows are blank that the table is to be cleaned. */
  get needsCleaning(): boolean {
    const blank = this.last + 1 - this.first - this.livingCount;
    return blank > this.livingCount + MIN_BLANK_ROWS;
  }

  /** Cleans some of the oldest rows: moves the living ones to the end, and deletes blank ones. */
  clean(): void {
    const to = Math.min(this.cleanedTo + STEP_ROWS - 1, this.last);
    const positions = this.living.all(this.cleanedTo, to).map(({ position }) => position);
    for (const [i, position] of positions.entries()) this.move.run(this.last + 1 + i, position);
    this.last += positions.length;
    this.livingCount += positions.length;
    this.blank(positions);
    this.cleanedTo = to + 1;
    const deleteTo = this.cleanedTo - MARGIN_ROWS - 1;
    if (deleteTo < this.first) return;
    this.db.run("pragma secure_delete = on");
    try {
      this.remove.run(this.first, deleteTo);
    } finally {
      this.db.run("pragma secure_delete = fast");
    }
    this.first = deleteTo + 1;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.insert, this.empty, this.living, this.move, this.remove])
      statement.finalize();
  }
}
