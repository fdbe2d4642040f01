import type { Database, Statement } from "bun:sqlite";

/** The read marks: how far each user has read each conversation. */
export class ReadMarkTable {
  private readonly raise: Statement;
  private readonly all: Statement<{ user: string; seq: number }>;

  constructor(db: Database) {
    this.raise = db.prepare(
      `insert into mark (conversation, user, seq, at) values (?, ?, ?, ?)
       on conflict do update set seq = excluded.seq, at = excluded.at where excluded.seq > seq`,
    );
    this.all = db.prepare("select user, seq from mark where conversation = ? and seq > 0");
  }

  /** Moves a mark forward, at the store's time `now`. Returns false if it is there or further already. MUST be called inside a transaction. */
  move(conversation: number, user: string, seq: number, now: number): boolean {
    return this.raise.run(conversation, user, seq, now).changes > 0;
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
