import type { Database, Statement } from "bun:sqlite";

/** The read marks: how far each user has read each conversation. */
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

  /** Moves a mark forward. Returns false if it is there or further already. MUST be called inside a transaction. */
  move(conversation: number, user: string, seq: number): boolean {
    return this.raise.run(conversation, user, seq).changes > 0;
  }

  /** Returns the marks of a conversation, by user. */
  of(conversation: number): Map<string, number> {
    return new Map(this.all.all(conversation).map(({ user, seq }) => [user, seq]));
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.raise.finalize();
    this.all.finalize();
  }
}
