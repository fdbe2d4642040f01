import type { Database, Statement } from "bun:sqlite";

/** The read marks: how far each user has read each conversation. */
export class ReadMarkTable {
  private readonly raise: Statement;
  private readonly one: Statement<{ seq: number }>;
  private readonly each: Statement<{ user: string; seq: number }>;

  constructor(db: Database) {
    this.raise = db.prepare(
      `insert into mark (conversation, user, seq, at) values (?, ?, ?, ?)
       on conflict do update set seq = excluded.seq, at = excluded.at where excluded.seq > seq`,
    );
    this.one = db.prepare("select seq from mark where conversation = ? and user = ? and seq > 0");
    this.each = db.prepare("select user, seq from mark where conversation = ? and seq > 0");
  }

  /** Moves a mark forward, at the store's time `now`. Returns false if it is there or further already. MUST be called inside a transaction. */
  move(conversation: number, user: string, seq: number, now: number): boolean {
    return this.raise.run(conversation, user, seq, now).changes > 0;
  }

  /** Returns the marks of `users` in a conversation. */
  of(conversation: number, users: readonly string[]): Map<string, number> {
    const marks = new Map<string, number>();
    for (const user of users) {
      const row = this.one.get(conversation, user);
      if (row !== null) marks.set(user, row.seq);
    }
    return marks;
  }

  /** Returns all marks of a conversation, by user. For commands: it takes longer where more users have read. */
  all(conversation: number): Map<string, number> {
    return new Map(this.each.all(conversation).map(({ user, seq }) => [user, seq]));
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.raise.finalize();
    this.one.finalize();
    this.each.finalize();
  }
}
