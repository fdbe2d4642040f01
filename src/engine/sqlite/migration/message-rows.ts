import type { Database } from "bun:sqlite";
import { kindOf } from "../../../core/conversation/entry.ts";
import type { CarriedMessage, MessageBatch } from "../../../core/migration/records.ts";
import { idOf, senderOf } from "../messages/erased-sender.ts";
import type { Survey } from "./survey.ts";

/** The rows that are read at once. */
const ROWS_AT_ONCE = 4_000;

type Row = [
  position: number,
  conversation: number,
  seq: number,
  id: string,
  sender: string,
  kind: string,
  body: string,
  at: number,
];

/** Reads the messages that are carried in the order of the log, after a position. */
export function* readMessages(
  db: Database,
  { conversations }: Survey,
  after: number,
): Generator<MessageBatch> {
  const page = db.prepare(
    "select position, conversation, seq, id, sender, kind, body, at from message where position > ? order by position limit ?",
  );
  try {
    for (let from = after; ; ) {
      const rows = page.values(from, ROWS_AT_ONCE) as Row[];
      if (rows.length === 0) return;
      const messages: CarriedMessage[] = [];
      for (const [, number, seq, id, sender, kind, body, at] of rows) {
        const conversation = conversations.get(number);
        // A row without a sender was blanked.
        if (sender === "" || conversation === undefined || seq < conversation.floor) continue;
        messages.push({
          conversation: conversation.id,
          kind: kindOf(kind),
          seq,
          id: idOf(id, seq),
          from: senderOf(sender),
          at,
          body,
        });
      }
      from = rows.at(-1)![0];
      yield { after: from, messages };
    }
  } finally {
    page.finalize();
  }
}
