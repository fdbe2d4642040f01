import { expect, test } from "bun:test";
import {
  type Entry,
  encodeEntry,
  encodeFrame,
  encodeHistoryFrame,
  encodeMessageBody,
  encodeRecentFrame,
  kindOf,
  letterOf,
} from "../../../src/core/conversation/entry.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { MessageFrame } from "../../../src/protocol/server-frames.ts";

/** Messages with everything that JSON escapes, and with what it does not. */
const MESSAGES: readonly Message[] = [
  { seq: 1, id: "a", from: "anna", text: "hello", at: 1_700_000_000_000 },
  { seq: 2, id: 'quo"te\\ and space', from: "team:a@b.c", text: "", data: { kind: "wave" }, at: 7 },
  { seq: 3, id: "c", from: "anna", text: 'tab\tline\nquote" \\ \u0000 \u007f \u2028 grüß 🙂', at: 8 },
  {
    seq: 9_007_199_254_740_991,
    id: "d",
    from: "anna",
    text: '","data":{},"at":0}',
    data: { __proto__x: [1, null], n: -0.5e-7 },
    at: 9,
  },
];

const entryOf = ({ seq, id, from, text, data, at }: Message): Entry => ({
  kind: "message",
  seq,
  id,
  from,
  at,
  body: encodeMessageBody(text, data),
});

/** The members in the order of the wire; `data` is left out where there is none. */
const inOrder = ({ seq, id, from, text, data, at }: Message) => ({ seq, id, from, text, data, at });

test("D1 an entry is put together as the bytes that JSON.stringify writes of its message, field by field", () => {
  for (const message of MESSAGES) {
    const entry = entryOf(message);
    expect(encodeEntry(entry)).toBe(JSON.stringify(inOrder(message)));
    expect(encodeFrame(entry)).toBe(JSON.stringify({ type: "message", ...inOrder(message) }));
    expect(MessageFrame.parse(JSON.parse(encodeFrame(entry)))).toEqual({ type: "message", ...message });
  }
});

test("D1 a body fits on one line, whatever the message holds", () => {
  for (const message of MESSAGES) expect(entryOf(message).body).not.toMatch(/[\x00-\x1f]/);
});

test("D4 a `history` frame has the bytes that JSON.stringify writes, with the request's id and without", () => {
  const quota = { limit: 3, remaining: 0, reset: 1.5 };
  const entries = MESSAGES.map(entryOf);
  const messages = MESSAGES.map(inOrder);
  for (const page of [
    { entries, messages, more: true, quota },
    { entries: [], messages: [], more: false, quota: null },
  ]) {
    const frame = { type: "history", messages: page.messages, more: page.more, quota: page.quota };
    expect(encodeHistoryFrame(page, undefined)).toBe(JSON.stringify(frame));
    expect(encodeHistoryFrame(page, '"h"')).toBe(JSON.stringify({ ...frame, id: '"h"' }));
  }
});

test("MX7 the page after `welcome` holds the messages of the frames that it is made of", () => {
  const frames = MESSAGES.map(entryOf).map(encodeFrame);
  const frame = { type: "history", messages: MESSAGES.map(inOrder), more: true };
  expect(encodeRecentFrame(frames, true)).toBe(JSON.stringify(frame));
  expect(encodeRecentFrame([], false)).toBe('{"type":"history","messages":[],"more":false}');
});

test("a kind is stored by its letter; a letter of a newer version is an error that says what to do", () => {
  expect(kindOf(letterOf("message"))).toBe("message");
  expect(() => kindOf("x")).toThrow(
    'The store has an entry of the kind "x", which a newer Parley wrote: update this one.',
  );
});
