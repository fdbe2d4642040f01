import type { Database, Statement } from "bun:sqlite";
import type { MessagePlace } from "./change-table.ts";

/** Ids of changes are known for this long, in milliseconds, and at least the newest ones of a conversation (CH4). */
const KNOWN_MS = 24 * 3_600_000;
const KNOWN_IDS = 1_000;
/** Ids that are forgotten for each one that is added, so that old ones become fewer. */
const FORGET_AT_ONCE = 4;

/** A change that has an id. */
export interface IdentifiedChange {
  readonly seq: number;
  readonly rev: number;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * The ids of changes. They are stored as hashes with a secret of the store, so there is no text to erase. `number` counts the ids
 * of a conversation; its oldest ones are forgotten when new ones come.
 */
export class ChangeIds {
  private readonly get: Statement<IdentifiedChange>;
  private readonly last: Statement<{ number: number }>;
  private readonly insert: Statement;
  private readonly forget: Statement;
  private readonly removeBelow: Statement;

  constructor(
    db: Database,
    private readonly secret: string,
  ) {
    this.get = db.prepare("select seq, rev, at from change_id where conversation = ? and hash = ?");
    this.last = db.prepare(
      "select number from change_id where conversation = ? order by number desc limit 1",
    );
    this.insert = db.prepare(
      "insert or replace into change_id (conversation, hash, number, seq, rev, at) values (?, ?, ?, ?, ?, ?)",
    );
    this.forget = db.prepare(
      `delete from change_id where (conversation, hash) in (
         select conversation, hash from change_id where conversation = ? and number <= ?
         order by number limit ${FORGET_AT_ONCE}
       ) and at <= ?`,
    );
    this.removeBelow = db.prepare("delete from change_id where conversation = ? and seq < ?");
  }

  /** Returns the change of `user` that has this id. */
  find(conversation: number, user: string, id: string): IdentifiedChange | undefined {
    return this.get.get(conversation, this.hashOf(user, id)) ?? undefined;
  }

  /** Writes the id of a change. MUST be called inside a transaction, as `forgetBelow`. */
  add(conversation: number, user: string, id: string, { seq, rev, at }: IdentifiedChange): void {
    const number = (this.last.get(conversation)?.number ?? 0) + 1;
    this.insert.run(conversation, this.hashOf(user, id), number, seq, rev, at);
    if (number > KNOWN_IDS) this.forget.run(conversation, number - KNOWN_IDS, at - KNOWN_MS);
  }

  /** Forgets the ids of changes of messages below `seq`. */
  forgetBelow({ conversation, seq }: MessagePlace): void {
    this.removeBelow.run(conversation, seq);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.get, this.last, this.insert, this.forget, this.removeBelow])
      statement.finalize();
  }

  /** 16 bytes, which two ids never share in practice. A user's name has no character that is written as one of an array. */
  private hashOf(user: string, id: string): Uint8Array {
    return new Bun.CryptoHasher("sha256")
      .update(JSON.stringify([this.secret, user, id]))
      .digest()
      .subarray(0, 16);
  }
}
