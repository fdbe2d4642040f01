import type { Database, Statement } from "bun:sqlite";

/** A user who is present in a conversation. */
export interface PresentUser {
  readonly conversation: string;
  readonly user: string;
}

/** Who is present, on disk: after a crash the users who did not leave are known (EV3). Kept only while `presence.left` is read. */
export class PresentTable {
  private readonly insert: Statement;
  private readonly delete: Statement;

  constructor(private readonly db: Database) {
    this.insert = db.prepare("insert or ignore into present_user values (?, ?)");
    this.delete = db.prepare("delete from present_user where conversation = ? and user = ?");
  }

  add({ conversation, user }: PresentUser): void {
    this.insert.run(conversation, user);
  }

  remove({ conversation, user }: PresentUser): void {
    this.delete.run(conversation, user);
  }

  /** Returns all, and removes them. MUST be called inside a transaction. */
  takeAll(): PresentUser[] {
    const all = this.db.query("select conversation, user from present_user").all() as PresentUser[];
    if (all.length > 0) this.db.run("delete from present_user");
    return all;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.insert.finalize();
    this.delete.finalize();
  }
}
