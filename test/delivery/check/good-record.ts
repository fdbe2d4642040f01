// A record in which every promise is kept, and the events of which tests make records that are wrong in one way.
import type { Message } from "../../../src/protocol/server-frames.ts";
import type { Sanction } from "../membership/sanction.ts";
import type { ClientEvent, InboxRecord, KnownMark, RunRecord } from "../record.ts";

export const message = (seq: number, from: string, id: string, text = `text of ${id}`): Message => ({
  seq,
  id,
  from,
  text,
  at: 1_000 + seq,
});
export const sent = (id: string): ClientEvent => ({ kind: "sent", id, text: `text of ${id}` });
export const received = (seq: number, from: string, id: string): ClientEvent => ({
  kind: "received",
  message: message(seq, from, id),
});
export const acked = (id: string, seq: number, duplicate = false): ClientEvent => ({
  kind: "acked",
  id,
  seq,
  duplicate,
});
export const welcome = (seq: number): ClientEvent => ({
  kind: "joined",
  asked: undefined,
  seq,
  epoch: "e1",
  resumed: false,
  present: ["anna"],
});
export const rejoined = (
  after: number,
  seq: number,
  fields: Partial<Extract<ClientEvent, { kind: "joined" }>> = {},
): ClientEvent => ({
  kind: "joined",
  asked: { after, epoch: "e1" },
  seq,
  epoch: "e1",
  resumed: true,
  present: ["anna", "ben"],
  ...fields,
});

export const inbox = (user: string, read: number, unread: number, seq = 4): InboxRecord => ({
  user,
  source: "GET /inbox",
  items: [{ conversation: "room", seq, read, unread }],
  unread_total: unread,
  unread_conversations: unread === 0 ? 0 : 1,
});

/** A ban of ben that was in force from `confirmed` to `endAsked`, milliseconds since 1970 (messages are stored from 1001 on). */
export const ban = (confirmed: number, endAsked?: number): Sanction => ({
  conversation: "room",
  user: "ben",
  measure: "ban",
  asked: confirmed,
  confirmed,
  ...(endAsked !== undefined && { endAsked, ended: endAsked }),
});

/**
 * A record in which every promise is kept. Anna's ack for `b` was cut off; ben came late and was disconnected for 3 and
 * 4.
 */
export function goodRecord() {
  return {
    clients: [
      {
        name: "anna.1",
        user: "anna",
        conversation: "room",
        inLine: true,
        events: [
          welcome(0),
          sent("a"),
          received(1, "anna", "a"),
          acked("a", 1),
          received(2, "ben", "a"),
          sent("b"),
          rejoined(2, 3),
          received(3, "anna", "b"),
          acked("b", 3, true),
          received(4, "ben", "b"),
        ],
      },
      {
        name: "ben.1",
        user: "ben",
        conversation: "room",
        inLine: true,
        events: [
          welcome(1),
          sent("a"),
          received(2, "ben", "a"),
          acked("a", 2),
          rejoined(2, 3),
          received(3, "anna", "b"),
          sent("b"),
          received(4, "ben", "b"),
          acked("b", 4),
        ],
      },
    ],
    stored: new Map([
      [
        "room",
        {
          epoch: "e1",
          messages: [
            message(1, "anna", "a"),
            message(2, "ben", "a"),
            message(3, "anna", "b"),
            message(4, "ben", "b"),
          ],
          present: ["anna"],
          connected: ["anna"],
        },
      ],
    ]),
    charged: new Map([
      ["anna", 2],
      ["ben", 2],
    ]),
    storesLost: 0 as number,
    partsMayDiffer: false as boolean,
    retention: false as boolean,
    crashes: [] as string[],
    sanctions: [] as Sanction[],
    tried: [],
    delay: 1_000,
    uncertain: false,
    members: new Map([["room", ["anna", "ben"]]]),
    expectedMembers: new Map([["room", ["anna", "ben"]]]),
    banned: new Map<string, string[]>(),
    inboxes: [inbox("anna", 3, 1), inbox("ben", 4, 0)],
    oldestAfter: new Map<string, number>(),
    marks: new Map<string, KnownMark>(),
  } satisfies RunRecord;
}

export type Good = ReturnType<typeof goodRecord>;
export const annas = (record: Good) => record.clients[0]!.events;
export const bens = (record: Good) => record.clients[1]!.events;
export const room = (record: Good) => record.stored.get("room")!;
