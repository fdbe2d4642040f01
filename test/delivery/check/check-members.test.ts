// The checker on records in which members, bans or an inbox are wrong in one way each.
import { expect, test } from "bun:test";
import type { ClientEvent } from "../record.ts";
import { checkRecord } from "./checker.ts";
import {
  annas,
  ban,
  bens,
  type Good,
  goodRecord,
  inbox,
  message,
  rejoined,
  room,
  welcome,
} from "./good-record.ts";
import type { ViolationKind } from "./violation.ts";

const DEFECTS: [what: string, spoil: (record: Good) => unknown, kind: ViolationKind, text: string][] = [
  [
    "an unread number that is one too large",
    (record) => {
      record.inboxes[0] = inbox("anna", 3, 2);
    },
    "unread",
    "GET /inbox of anna: room has 2 unread, and by its log and read mark 1",
  ],
  [
    "an unread number that is one too small",
    (record) => {
      record.inboxes[0] = inbox("anna", 3, 0);
    },
    "unread",
    "GET /inbox of anna: room has 0 unread, and by its log and read mark 1",
  ],
  [
    "a read mark that was lost",
    (record) => record.marks.set("room/anna", { confirmed: 4, joinedBy: 0 }),
    "unread",
    "GET /inbox of anna: room is read up to 3; it should be 4",
  ],
  [
    "a total that is not the sum",
    (record) => {
      record.inboxes[0] = { ...inbox("anna", 3, 1), unread_total: 2 };
    },
    "unread",
    "GET /inbox of anna has the totals 2 in 1, and its items 1 in 1",
  ],
  [
    "a conversation that is missing in the inbox",
    (record) => {
      record.inboxes[0] = { ...inbox("anna", 3, 0), items: [] };
    },
    "unread",
    "GET /inbox of anna: room is missing",
  ],
  [
    "a message that was stored after the answer to a ban",
    (record) => {
      record.sanctions.push(ban(1_003, 1_005));
    },
    "spoken",
    "ben is stored with 4 in room, after the answer to a ban",
  ],
  [
    "a banned reader who still receives",
    (record) => {
      record.sanctions.push({ ...ban(1_001), user: "anna" });
      record.delay = 1;
      record.expectedMembers.set("room", ["ben"]);
      record.members.set("room", ["ben"]);
      record.banned.set("room", ["anna"]);
      record.inboxes.splice(0, 1);
      room(record).messages[2] = { ...message(3, "anna", "b"), at: 1_001 };
      annas(record)[0] = { ...welcome(0), askedAt: 900, at: 901 } as ClientEvent;
      annas(record)[6] = { ...rejoined(2, 3), askedAt: 1_000, at: 1_001 } as ClientEvent;
    },
    "leaked",
    "anna.1 received 4, stored after the answer to a ban of its user",
  ],
  [
    "a banned user who is let in",
    (record) => {
      record.sanctions.push(ban(2_000, 6_000));
      bens(record).push({ ...rejoined(4, 4), askedAt: 4_000, at: 4_100 } as ClientEvent);
    },
    "leaked",
    "ben.1 was let in, after the answer to a ban of its user",
  ],
  [
    "a message after `closed`",
    (record) => {
      record.sanctions.push(ban(2_000, 6_000));
      bens(record).push(
        { kind: "out", code: "banned", at: 2_100 },
        { kind: "stray", type: "message" },
        rejoined(4, 4),
      );
    },
    "after_closed",
    "ben.1 received `message` while the conversation was not open",
  ],
  [
    "a refusal of a user to whom nothing was done",
    (record) => annas(record).push({ kind: "denied", id: "a", code: "muted", at: 2_000 }),
    "refused",
    "anna.1 got `muted`, though nothing was done to its user",
  ],
  [
    "a member who was lost",
    (record) => {
      record.members.set("room", ["anna"]);
      record.inboxes.splice(1, 1);
    },
    "members",
    "ben is missing in the members of room",
  ],
  [
    "a ban that was lost",
    (record) => {
      record.sanctions.push(ban(2_000));
      bens(record).push({ kind: "out", code: "banned", at: 2_100 });
    },
    "members",
    "ben is missing in the bans of room",
  ],
];

for (const [what, spoil, kind, text] of DEFECTS) {
  test(`MB2 MB3 MX3 IN1 the checker finds ${what}`, () => {
    const record = goodRecord();
    spoil(record);
    const { violations } = checkRecord(record);
    expect(violations.map((violation) => violation.text)).toContain(text);
    expect(new Set(violations.map((violation) => violation.kind))).toEqual(new Set([kind]));
  });
}

test("MB2 a banned user is let in again, and gets what was missed", () => {
  const record = goodRecord();
  record.sanctions.push(ban(1_002, 1_003.5));
  record.delay = 0;
  bens(record)[0] = { ...welcome(1), askedAt: 1_000, at: 1_001 } as ClientEvent;
  bens(record)[4] = { ...rejoined(2, 3), askedAt: 1_003.6, at: 1_004 } as ClientEvent;
  bens(record).splice(4, 0, { kind: "out", code: "banned", at: 1_003 });
  expect(checkRecord(record).violations).toEqual([]);
});

test("IN1 messages that retention removed before the inbox was read are not unread; fewer than are left is a fault", () => {
  const record = goodRecord();
  record.inboxes[0] = inbox("anna", 3, 0);
  record.oldestAfter.set("room", 5);
  expect(checkRecord(record).violations).toEqual([]);
  record.inboxes[0] = inbox("anna", 3, 2);
  expect(checkRecord(record).violations.map(({ text }) => text)).toEqual([
    "GET /inbox of anna: room has 2 unread, and by its log and read mark 0 to 1",
  ]);
});
