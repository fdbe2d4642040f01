import type { Database } from "bun:sqlite";
import { encodeMessageBody, letterOf } from "../../../core/conversation/entry.ts";

/** The columns of a message that version 5 replaced. */
interface UnencodedRow {
  readonly position: number;
  readonly conversation: number;
  readonly seq: number;
  readonly key: number;
  readonly id: string;
  readonly sender: string;
  readonly text: string;
  readonly data: string | null;
  readonly at: number;
}

/**
 * Copies the messages into a new table, in the order of their positions, and drops the old table, whose pages SQLite
 * overwrites with zeros. An update in place would make rows longer and so move them to other pages; SQLite leaves copies
 * of moved rows behind, which the eraser (messages/eraser.ts) would not find later.
 */
export function encodeBodies(db: Database): void {
  db.run("pragma secure_delete = on");
  db.run(`
    create table encoded_message (
      position integer primary key,
      conversation integer not null,
      seq integer not null,
      key integer not null,
      id text not null,
      sender text not null,
      kind text not null,
      body text not null,
      at integer not null
    );
  `);
  const insert = db.query("insert into encoded_message values (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const rows = db
    .query(
      "select position, conversation, seq, key, id, sender, text, data, at from message order by position",
    )
    .iterate() as IterableIterator<UnencodedRow>;
  for (const { position, conversation, seq, key, id, sender, text, data, at } of rows) {
    // A row without a sender was erased, and is copied as an erased one.
    const body = sender === "" ? "" : encodeMessageBody(text, data === null ? undefined : JSON.parse(data));
    insert.run(position, conversation, seq, key, id, sender, letterOf("message"), body, at);
  }
  db.run("drop table message");
  db.run("alter table encoded_message rename to message");
  db.run("pragma secure_delete = fast");
}
