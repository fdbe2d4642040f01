import { expect, test } from "bun:test";
import { type Entry, encodeMessageBody } from "../../../src/core/conversation/entry.ts";
import { type ItemParts, itemOf, previewOf } from "../../../src/core/inbox/item.ts";
import { unreadOf } from "../../../src/core/inbox/unread.ts";
import { InboxItem } from "../../../src/protocol/frames/inbox-frames.ts";

const entry = (text: string, data?: { [key: string]: number }): Entry => ({
  kind: "message",
  seq: 7,
  id: "m7",
  from: "ann",
  at: 700,
  body: encodeMessageBody(text, data),
});

const parts = (fields: Partial<ItemParts> = {}): ItemParts => ({
  conversation: "team",
  user: "bob",
  view: { seq: 7, first: 1, epoch: "s.0", at: 700, changedAt: 700, newest: entry("hello"), readers: [] },
  reader: { read: 4, markedAt: 0 },
  facts: { access: "members", title: "The team", at: 1 },
  standing: { role: "member", since: 50 },
  now: 1_000,
  ...fields,
});

test("IN1 unread is computed of the newest message, the mark and what is kept", () => {
  expect(unreadOf({ seq: 0, first: 1 }, 0)).toBe(0);
  expect(unreadOf({ seq: 7, first: 1 }, 0)).toBe(7);
  expect(unreadOf({ seq: 7, first: 1 }, 4)).toBe(3);
  // Messages 1 to 5 were removed by retention.
  expect(unreadOf({ seq: 7, first: 6 }, 0)).toBe(2);
  expect(unreadOf({ seq: 7, first: 8 }, 0)).toBe(0);
  // The store has lost messages that were marked as read.
  expect(unreadOf({ seq: 7, first: 1 }, 9)).toBe(0);
});

test("IN1 an item has the facts, the place of the user and the newest message", () => {
  const item = itemOf(parts());
  expect(item).toEqual({
    conversation: "team",
    title: "The team",
    access: "members",
    role: "member",
    at: 700,
    seq: 7,
    epoch: "s.0",
    last: { seq: 7, from: "ann", text: "hello", at: 700 },
    read: 4,
    unread: 3,
  });
  expect(InboxItem.parse(item)).toEqual(item as never);
});

test("IN1 a conversation without messages is placed by the time of the joining", () => {
  const view = { ...parts().view, seq: 0, at: 0, newest: undefined };
  const item = itemOf(parts({ view, facts: undefined, reader: { read: 0, markedAt: 0 } }));
  expect(item).toMatchObject({ access: "anyone", at: 50, last: null, unread: 0 });
});

test("IN1 a direct conversation names the other user; a mute is shown until it ends", () => {
  const muted = { by: "ann", at: 900, until: 1_500 };
  const shown = itemOf(
    parts({
      facts: { access: "members", direct: ["ann", "bob"], at: 1 },
      standing: { role: "member", since: 50, muted },
    }),
  );
  expect(shown).toMatchObject({ direct: "ann", muted: { until: 1_500, by: "ann" } });
  expect(itemOf(parts({ standing: { role: "member", muted }, now: 1_500 }))).not.toHaveProperty("muted");
});

test("IN3 a user who does not belong to the conversation gets nothing but that it is removed", () => {
  expect(itemOf(parts({ standing: undefined }))).toEqual({ conversation: "team", removed: true });
  expect(itemOf(parts({ standing: { left: true } }))).toEqual({ conversation: "team", removed: true });
});

test("IN1 a preview has at most 140 characters and cuts none in half", () => {
  expect(previewOf(entry("x".repeat(140))).text).toBe("x".repeat(140));
  expect(previewOf(entry("x".repeat(141))).text).toBe("x".repeat(140));
  expect(previewOf(entry("😀".repeat(200))).text).toBe("😀".repeat(140));
  expect(previewOf(entry(`a${"😀".repeat(139)}`)).text).toBe(`a${"😀".repeat(139)}`);
  expect(previewOf(entry("", { n: 1 })).text).toBe("");
});

test("CH3 an item says that its newest message was erased", () => {
  const erased = { ...entry(""), body: '"text":"","rev":3,"erased":{"by":"ann","at":701}' };
  expect(previewOf(erased)).toEqual({ seq: 7, from: "ann", text: "", at: 700, erased: true });
  expect(previewOf(entry("hello"))).not.toHaveProperty("erased");
});
