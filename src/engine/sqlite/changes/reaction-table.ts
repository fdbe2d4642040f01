import type { Database, Statement } from "bun:sqlite";
import type { OwnReactions } from "../../../core/changes/message-state.ts";
import { MAX_REACTION_USERS } from "../../../protocol/limits.ts";
import { messageKey } from "../index/message-key.ts";
import { AppendedTable } from "./appended-table.ts";
import { type MessagePlace, positionsOf } from "./change-table.ts";

/** How many users are read with one reaction of a message: those of its summary, and one who may take the place of one of them. */
const NEWEST_READ = MAX_REACTION_USERS + 1;

/**
 * One row for each reaction of a user to a message. Rows are found by hashes of their texts, because indexes may hold numbers only
 * (appended-table.ts).
 *
 * A message may have more reactions than can be blanked at once. So an erasure only names the message in `erased_reactions`, and
 * `blankErased` goes on from there, also after a crash.
 */
export class ReactionTable {
  readonly rows: AppendedTable;
  private readonly ofUser: Statement<{ seq: number; name: string }>;
  private readonly newest: Statement<{ user: string }>;
  private readonly place: Statement<{ position: number }>;
  private readonly ofMessage: Statement<{ position: number }>;
  private readonly below: Statement<{ position: number }>;
  private readonly addErased: Statement;
  private readonly nextErased: Statement<MessagePlace>;
  private readonly removeErased: Statement;
  /** Whether there may be messages in `erased_reactions`. */
  private hasErased = true;

  constructor(
    db: Database,
    /** The secret of the store that hashes begin with. */
    private readonly seed: number,
  ) {
    this.rows = new AppendedTable(db, {
      name: "reaction",
      columns: ["conversation", "seq", "rev", "user_key", "name_key", "user", "name"],
      blankBy: "user",
      texts: ["user", "name"],
    });
    const living = "from reaction where user <> '' and conversation = ?";
    this.ofUser = db.prepare(
      `select r.seq, r.name from json_each(?1) j join reaction r on r.seq = j.value
       where r.user <> '' and r.conversation = ?2 and r.user_key = ?3 and r.user = ?4
         and not exists (select 1 from erased_reactions e where e.conversation = ?2 and e.seq = r.seq)
       order by r.rev`,
    );
    this.newest = db.prepare(
      `select user ${living} and seq = ? and name_key = ? and name = ? order by rev desc limit ${NEWEST_READ}`,
    );
    this.place = db.prepare(
      `select position ${living} and seq = ? and user_key = ? and user = ? and name_key = ? and name = ?`,
    );
    this.ofMessage = db.prepare(`select position ${living} and seq = ? limit ?`);
    this.below = db.prepare(`select position ${living} and seq < ? limit ?`);
    this.addErased = db.prepare("insert or ignore into erased_reactions (conversation, seq) values (?, ?)");
    this.nextErased = db.prepare("select conversation, seq from erased_reactions limit 1");
    this.removeErased = db.prepare("delete from erased_reactions where conversation = ? and seq = ?");
  }

  /** Returns which of these messages a user reacted to, and how, the oldest reaction first. */
  own(conversation: number, user: string, seqs: readonly number[]): OwnReactions {
    const own = new Map<number, string[]>();
    if (seqs.length === 0) return own;
    const key = this.keyOf(user);
    for (const { seq, name } of this.ofUser.all(JSON.stringify(seqs), conversation, key, user)) {
      const names = own.get(seq);
      if (names === undefined) own.set(seq, [name]);
      else names.push(name);
    }
    return own;
  }

  /** Returns the newest users with a reaction, the newest first. */
  newestUsers(conversation: number, seq: number, name: string): string[] {
    return this.newest.all(conversation, seq, this.keyOf(name), name).map(({ user }) => user);
  }

  /** Writes or blanks a reaction, by the change `rev`. MUST be called inside a transaction, as all below. */
  set({ conversation, seq }: MessagePlace, user: string, name: string, on: boolean, rev: number): void {
    const [userKey, nameKey] = [this.keyOf(user), this.keyOf(name)];
    if (on) {
      this.rows.append(conversation, seq, rev, userKey, nameKey, user, name);
      return;
    }
    this.rows.blank(positionsOf(this.place, conversation, seq, userKey, user, nameKey, name));
  }

  /** From now on a message has no reactions. `blankErased` removes their texts. */
  eraseAll({ conversation, seq }: MessagePlace): void {
    this.addErased.run(conversation, seq);
    this.hasErased = true;
  }

  /** Blanks at most `most` reactions of erased messages. Returns whether there may be more. */
  blankErased(most: number): boolean {
    const message = this.nextErased.get();
    this.hasErased = message !== null;
    if (message === null) return false;
    const { conversation, seq } = message;
    const positions = positionsOf(this.ofMessage, conversation, seq, most);
    this.rows.blank(positions);
    if (positions.length < most) this.removeErased.run(conversation, seq);
    return true;
  }

  /** Whether there may be reactions of erased messages to blank. */
  get mayHaveErased(): boolean {
    return this.hasErased;
  }

  /** Whether there are reactions to messages below `seq`. */
  hasBelow({ conversation, seq }: MessagePlace): boolean {
    return this.below.get(conversation, seq, 1) !== null;
  }

  /** Blanks at most `most` reactions to messages below `seq`. */
  blankBelow({ conversation, seq }: MessagePlace, most: number): void {
    this.rows.blank(positionsOf(this.below, conversation, seq, most));
  }

  /** Reads the state from the disk. MUST be called after a transaction that failed. */
  reload(): void {
    this.rows.reload();
    this.hasErased = true;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.rows.close();
    const { ofUser, newest, place, ofMessage, below, addErased, nextErased, removeErased } = this;
    for (const statement of [ofUser, newest, place, ofMessage, below]) statement.finalize();
    for (const statement of [addErased, nextErased, removeErased]) statement.finalize();
  }

  private keyOf(text: string): number {
    return messageKey(this.seed, 0, "", text);
  }
}
