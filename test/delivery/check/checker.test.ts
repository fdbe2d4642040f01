// The checker on records that are wrong in one way each: a checker that cannot fail proves nothing.
import { expect, test } from "bun:test";
import type { ClientEvent } from "../record.ts";
import { checkRecord } from "./checker.ts";
import {
  acked,
  annas,
  bens,
  type Good,
  goodRecord,
  inbox,
  message,
  received,
  rejoined,
  room,
  sent,
  welcome,
} from "./good-record.ts";
import type { ViolationKind } from "./violation.ts";

const DEFECTS: [what: string, spoil: (record: Good) => unknown, kind: ViolationKind, text: string][] = [
  [
    "an acked message that is missing",
    (record) => annas(record).push(sent("c"), acked("c", 5)),
    "lost_ack",
    "room/anna/c was acked as 5 and is not stored",
  ],
  [
    "an ack with another number than the stored one",
    (record) => {
      bens(record)[3] = acked("a", 1);
    },
    "lost_ack",
    "room/ben/a was acked as 1 and is stored as 2",
  ],
  [
    "a message that was delivered and is missing",
    (record) => annas(record).push(received(5, "ben", "x")),
    "unstored",
    "anna.1 received room/ben/x as 5, which is not stored so",
  ],
  [
    "a message stored twice",
    (record) => {
      room(record).messages.push(message(5, "ben", "b"));
      for (const events of [annas(record), bens(record)]) events.push(received(5, "ben", "b"));
      record.charged.set("ben", 3);
      record.inboxes = [inbox("anna", 3, 2, 5), inbox("ben", 5, 0, 5)];
    },
    "duplicate",
    "room/ben/b is stored as 4 and as 5",
  ],
  [
    "a message delivered twice",
    (record) => annas(record).push(received(4, "ben", "b")),
    "duplicate",
    "anna.1 received 4 twice",
  ],
  [
    "a hole in the store",
    (record) => {
      room(record).messages[3] = message(5, "ben", "b");
      annas(record)[9] = received(5, "ben", "b");
      bens(record).splice(7, 2, received(5, "ben", "b"), acked("b", 5));
      record.inboxes = [inbox("anna", 3, 2, 5), inbox("ben", 5, 0, 5)];
    },
    "hole",
    "room has 5 where 4 should be",
  ],
  [
    "a message that was not delivered",
    (record) => bens(record).splice(5, 1),
    "hole",
    "ben.1 never received 3",
  ],
  [
    "messages in the wrong order",
    (record) => bens(record).splice(5, 0, ...bens(record).splice(7, 1)),
    "order",
    "ben.1 received 3 after 4",
  ],
  [
    "an ack before earlier messages",
    (record) =>
      bens(record).splice(5, 4, sent("b"), acked("b", 4), received(3, "anna", "b"), received(4, "ben", "b")),
    "ack_ahead",
    "ben.1 got the ack of b as 4 when it had received up to 2",
  ],
  [
    "a client that was not resumed",
    (record) => bens(record).push(rejoined(4, 4, { resumed: false })),
    "resume",
    "ben.1 was not resumed after 4, though the store has the same epoch and 4 messages",
  ],
  [
    "a loss that is none",
    (record) => {
      bens(record)[4] = rejoined(2, 3, { lost: { first: 3, last: 3 } });
      bens(record).splice(5, 1);
    },
    "resume",
    "ben.1 was notified that 3 is lost, which is kept",
  ],
  [
    "a store that went back under its epoch",
    (record) => bens(record).push(rejoined(4, 1, { resumed: false })),
    "epoch",
    "ben.1 had 4 of the epoch e1, in which 1 is now the newest",
  ],
  [
    "another epoch without a loss",
    (record) => annas(record).unshift({ ...welcome(0), epoch: "e0" } as ClientEvent),
    "epoch",
    "2 epochs were sent in room, though the store was lost 0 times",
  ],
  [
    "a text that no client sent",
    (record) => {
      room(record).messages[3] = message(4, "ben", "b", "another text");
    },
    "altered",
    "room/ben/b was not sent with the text that is stored",
  ],
  [
    "a charge too many",
    (record) => record.charged.set("ben", 3),
    "charge",
    "ben was charged for 3 messages, of whom 2 were stored",
  ],
  [
    "a charge that was lost",
    (record) => record.charged.delete("ben"),
    "charge",
    "ben was charged for 0 messages, of whom 2 were stored",
  ],
  [
    "a ghost",
    (record) => room(record).present.push("ben"),
    "presence",
    "ben is shown as present in room and not connected",
  ],
  [
    "a connected user who is not shown",
    (record) => room(record).connected.push("ben"),
    "presence",
    "ben is connected to room and not shown as present",
  ],
  [
    "a user who joins twice",
    (record) => bens(record).push({ kind: "presence", user: "anna", state: "joined" }),
    "presence",
    "ben.1 received that anna joined, after anna had joined already",
  ],
  [
    "a message without a result",
    (record) => annas(record).push(sent("c")),
    "unanswered",
    "anna.1 got no result for c",
  ],
  [
    "a refusal",
    (record) => annas(record).push({ kind: "refused", code: "internal", text: "An error." }),
    "refused",
    "anna.1 got `internal`: An error.",
  ],
  [
    "an unexpected end of the server",
    (record) => record.crashes.push("the server ended with 1 at SIGTERM"),
    "crash",
    "the server ended with 1 at SIGTERM",
  ],
];

test("L2 a record in which every promise is kept has no violations", () => {
  expect(checkRecord(goodRecord())).toEqual({
    expected: 7,
    delivered: 7,
    duplicates: 0,
    holes: 0,
    orderViolations: 0,
    lostAcks: 0,
    lostWithStore: 0,
    recounted: 2,
    violations: [],
  });
});

for (const [what, spoil, kind, text] of DEFECTS) {
  test(`L2 the checker finds ${what}`, () => {
    const record = goodRecord();
    spoil(record);
    const { violations } = checkRecord(record);
    expect(violations.map((violation) => violation.text)).toContain(text);
    expect(new Set(violations.map((violation) => violation.kind))).toEqual(new Set([kind]));
  });
}

test("D5 a removed message is no hole for clients notified of it, and is one for all others", () => {
  const record = { ...goodRecord(), retention: true };
  room(record).messages.splice(0, 3);
  bens(record)[4] = rejoined(2, 3, { lost: { first: 3, last: 3 } });
  bens(record).splice(5, 1);
  expect(checkRecord(record).violations).toEqual([]);
  annas(record).splice(7, 1);
  expect(checkRecord(record).violations.map(({ text }) => text)).toContain("anna.1 never received 3");
});

test("D5 an acked message of a lost store is not missed when clients saw the new epoch", () => {
  const record = { ...goodRecord(), storesLost: 1 };
  annas(record).unshift({ ...welcome(0), epoch: "e0" } as ClientEvent, sent("z"), acked("z", 1));
  expect(checkRecord(record)).toMatchObject({ violations: [], lostWithStore: 1 });
});

test("D5 the checker finds a client that did not see the store's new epoch", () => {
  const record = { ...goodRecord(), storesLost: 1 };
  record.stored.set("room", { ...room(record), epoch: "e2" });
  annas(record).push(rejoined(4, 4, { epoch: "e2", resumed: false }));
  expect(checkRecord(record).violations).toEqual([
    {
      kind: "epoch",
      conversation: "room",
      text: "ben.1 saw the epoch e1 last, and the store has e2",
    },
  ]);
});

test("Q2 charges are compared unless they are on another server that lost data of its own", () => {
  const record = { ...goodRecord(), partsMayDiffer: true };
  record.charged.set("ben", 3);
  expect(checkRecord(record).violations).toEqual([]);
});
