import type { Database, Statement } from "bun:sqlite";

/** How far each user has read in each conversation. */
export class ReadMarkTable {
  private readonly raise: Statement;
  private readonly all: Statement<{ user: string; seq: number }>;

  constructor(db: Database) {
    this.raise = db.prepare(
      `insert into mark (conversation, user, seq) values (?, ?, ?)
       on conflict do update set seq = excluded.seq where excluded.seq > seq`,
    );
    this.all = db.prepare("select user, seq from mark where conversation = ?");
  }

  /** Moves a mark forward; inside a transaction. Returns false where it stands there, or further, already. */
  move(conversation: number, user: string, seq: number): boolean {
    return this.raise.run(conversation, user, seq).changes > 0;
  }

  /** The marks of a conversation, by user. */
  of(conversation: number): Map<string, number> {
    return new Map(this.all.all(conversation).map(({ user, seq }) => [user, seq]));
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    this.raise.finalize();
    this.all.finalize();
  }
}
