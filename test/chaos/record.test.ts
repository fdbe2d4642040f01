// The checker of kill.test.ts on records that are wrong in one way each: a checker that cannot fail proves nothing.
import { expect, test } from "bun:test";
import type { Message } from "../../src/protocol/server-frames.ts";
import { type ChaosRecord, faultsOf } from "./record.ts";

function message(seq: number, from: string, id: string, text = `text of ${id}`): Message {
  return { seq, id, from, text, at: 1_000 + seq };
}

/** A record in which every promise is kept; anna's `b` was stored but its ack did not arrive. */
function goodRecord() {
  const sent = [
    { conversation: "room", user: "anna", id: "a", text: "text of a" },
    { conversation: "room", user: "ben", id: "a", text: "text of a" },
    { conversation: "room", user: "anna", id: "b", text: "text of b" },
    { conversation: "other", user: "anna", id: "a", text: "text of a" },
  ];
  const room = [message(1, "anna", "a"), message(2, "ben", "a"), message(3, "anna", "b")];
  const other = [message(1, "anna", "a")];
  return {
    sent,
    acked: [
      { ...sent[0]!, seq: 1 },
      { ...sent[1]!, seq: 2 },
      { ...sent[3]!, seq: 1 },
    ],
    heard: room.map((heard) => ({ conversation: "room", message: heard })),
    stored: new Map([
      ["room", room],
      ["other", other],
    ]),
    charged: new Map([
      ["anna", 3],
      ["ben", 1],
    ]),
  } satisfies ChaosRecord;
}

const WRONGS: [what: string, spoil: (record: ReturnType<typeof goodRecord>) => void, fault: string][] = [
  [
    "an acked message that is gone",
    ({ acked, sent, heard }) => {
      heard.length = 0;
      acked.push({ ...sent[2]!, id: "c", seq: 4 });
    },
    "missing: room/anna/c was acked as 4 and is not stored",
  ],
  [
    "an announced message that is gone",
    ({ heard }) => heard.push({ conversation: "other", message: message(2, "ben", "x") }),
    "missing: other/ben/x was announced as 2 and is not stored",
  ],
  [
    "a message stored twice",
    ({ stored, charged }) => {
      stored.get("other")!.push(message(2, "anna", "a"));
      charged.set("anna", 4);
    },
    "doubled: other/anna/a is stored as 1 and as 2",
  ],
  [
    "a message stored under another number than acked",
    ({ acked }) => {
      acked[1] = { ...acked[1]!, seq: 3 };
    },
    "misnumbered: room/ben/a was acked as 3 and is stored as 2",
  ],
  [
    "a hole",
    ({ stored, heard, acked, charged }) => {
      stored.get("room")!.splice(1, 1);
      heard.splice(1, 1);
      acked.splice(1, 1);
      charged.delete("ben");
    },
    "hole: room has 3 where 2 should be",
  ],
  [
    "a text that nobody sent",
    ({ stored }) => {
      stored.get("other")![0] = message(1, "anna", "a", "another text");
    },
    "altered: other/anna/a was not sent with the text that is stored",
  ],
  [
    "a message that nobody sent",
    ({ stored, charged }) => {
      stored.get("other")!.push(message(2, "ben", "z"));
      charged.set("ben", 2);
    },
    "altered: other/ben/z was not sent with the text that is stored",
  ],
  [
    "a charge too many",
    ({ charged }) => charged.set("ben", 2),
    "charged: ben for 2, of whom 1 messages are stored",
  ],
  [
    "a charge that was lost",
    ({ charged }) => charged.delete("ben"),
    "charged: ben for 0, of whom 1 messages are stored",
  ],
];

test("L2 a record in which every promise is kept has no faults", () => {
  expect(faultsOf(goodRecord())).toEqual([]);
});

for (const [what, spoil, fault] of WRONGS) {
  test(`L2 the checker sees ${what}`, () => {
    const record = goodRecord();
    spoil(record);
    expect(faultsOf(record)).toContain(fault);
  });
}
