import { describe, expect, test } from "bun:test";
import type { LocalStore } from "../../../src/console/local-storage.ts";
import {
  CLIENT_FIELDS,
  describeField,
  initialValues,
  writeFrame,
} from "../../../src/console/panel/send/fields.ts";
import { isAnswered, outcomeOf } from "../../../src/console/panel/send/outcome.ts";
import { readSaved, removeSaved, SAVED_KEY, saveMessage } from "../../../src/console/panel/send/saved.ts";
import { dueNow, MAX_BATCH, MAX_UNSENT_BYTES } from "../../../src/console/panel/send/series-schedule.ts";
import { fillIn } from "../../../src/console/panel/send/variables.ts";
import type { Frame } from "../../../src/console/wire/frame.ts";
import type { ClientFrameType } from "../../../src/protocol/client-frames.ts";
import { decodeClientFrame } from "../../../src/protocol/decode.ts";

const TYPES = Object.keys(CLIENT_FIELDS) as ClientFrameType[];
const scope = { uuid: () => "made-up", now: 1_800_000_000_000, n: 7 };

describe("the form", () => {
  test.each(TYPES)("of %s begins with a frame that the server accepts", (type) => {
    const values = { ...initialValues(type, "lobby"), ...(type === "token" && { token: "x" }) };
    const { frame } = decodeClientFrame(fillIn(writeFrame(type, values), scope));
    expect(frame?.type).toBe(type);
  });

  test("writes the typed text also if it is wrong, so that the server can report it", () => {
    expect(writeFrame("history", { limit: "many" })).toBe('{"type": "history", "limit": "many"}');
    expect(writeFrame("message", { text: 'a "b"\n', data: '{"a": 1}' })).toBe(
      '{"type": "message", "text": "a \\"b\\"\\n", "data": {"a": 1}}',
    );
    expect(writeFrame("message", { text: "", data: '{"a": 1}' })).toBe(
      '{"type": "message", "data": {"a": 1}}',
    );
    expect(writeFrame("read", { seq: "{{n}}" })).toBe('{"type": "read", "seq": {{n}}}');
  });

  test("describes each field as the schema requires it", () => {
    expect(describeField(CLIENT_FIELDS.history.limit!)).toBe("whole number, 1 to 200, otherwise 50");
    expect(describeField(CLIENT_FIELDS.message.text!)).toBe("text, optional");
  });
});

test("variables are replaced everywhere, each uuid with a new one, and nothing else changes", () => {
  let made = 0;
  const text = fillIn('{{uuid}} {{uuid}} {"n": {{n}}, "at": {{now}}} {{other}} {{ n }}', {
    ...scope,
    uuid: () => `u${++made}`,
  });
  expect(text).toBe('u1 u2 {"n": 7, "at": 1800000000000} {{other}} {{ n }}');
});

describe("the outcome", () => {
  const message = { client: "c1", at: 100, text: '{"type":"message","id":"a","text":"x"}' };
  const cases: readonly [string, string, object, string | undefined][] = [
    ["an ack under the same id", message.text, { type: "ack", id: "a", seq: 3 }, "stored as #3 after 5.0 ms"],
    [
      "a duplicate",
      message.text,
      { type: "ack", id: "a", seq: 3, duplicate: true },
      "stored before, as #3; after",
    ],
    ["an ack of another", message.text, { type: "ack", id: "b", seq: 3 }, undefined],
    [
      "an error under the same id",
      message.text,
      { type: "error", code: "invalid", message: "No.", id: "a" },
      "invalid: No.",
    ],
    [
      "an error of another",
      message.text,
      { type: "error", code: "invalid", message: "No.", id: "b" },
      undefined,
    ],
    [
      "an error about what could not be read",
      "{oops",
      { type: "error", code: "malformed", message: "No." },
      "malformed: No.",
    ],
    [
      "another's error, for what has no name",
      "{oops",
      { type: "error", code: "invalid", message: "No.", id: "b" },
      undefined,
    ],
    [
      "an error for a name that is none",
      '{"type":"ping","id":"ü"}',
      { type: "error", code: "invalid", message: "No." },
      "invalid",
    ],
    [
      "the ack of a message without a name",
      '{"type":"message","text":"x"}',
      { type: "ack", id: "made", seq: 4 },
      "stored as #4",
    ],
    ["a page", '{"type":"history","id":"h"}', { type: "history", messages: [1, 2], id: "h" }, "2 messages"],
    ["something else", message.text, { type: "message", seq: 3 }, undefined],
  ];
  test.each(cases)("%s", (_name, text, answer, words) => {
    const outcome = outcomeOf({ ...message, text }, frame(JSON.stringify(answer), 105));
    if (words === undefined) expect(outcome).toBeUndefined();
    else expect(outcome?.text).toContain(words);
  });

  test("is not taken from another client, nor from before", () => {
    const ack = frame('{"type":"ack","id":"a","seq":3}', 105);
    expect(outcomeOf(message, { ...ack, client: "c2" })).toBeUndefined();
    expect(outcomeOf(message, { ...ack, at: 99 })).toBeUndefined();
  });

  test("of a close is its code", () => {
    const mark = { kind: "close", severity: "error", text: "1003 text frames only: …" } as const;
    const closed = { ...frame("", 105), direction: "line", close: { code: 1003, reason: "" } } as const;
    expect(outcomeOf(message, { ...closed, annotations: { marks: [mark] } })?.text).toContain("1003");
  });

  test("of frames that the server does not answer is none unless they are wrong", () => {
    expect(TYPES.filter((type) => !isAnswered(JSON.stringify({ type })))).toEqual([
      "typing",
      "read",
      "activity",
      "stream_append",
      "stream_cancel",
    ]);
  });
});

describe("the pace of a series", () => {
  test("is the rate, also after the page was blocked; never more than the count or a batch", () => {
    expect(dueNow({ rate: 10, count: 100 }, 0, 0, 0)).toBe(1);
    expect(dueNow({ rate: 10, count: 100 }, 1000, 4, 0)).toBe(7);
    expect(dueNow({ rate: 10, count: 100 }, 60_000, 98, 0)).toBe(2);
    expect(dueNow({ rate: 10_000, count: 1_000_000 }, 60_000, 0, 0)).toBe(MAX_BATCH);
    expect(dueNow({ rate: 0, count: 1_000_000 }, 0, 0, 0)).toBe(MAX_BATCH);
  });

  test("B1 waits while the connection is full", () => {
    expect(dueNow({ rate: 0, count: 100 }, 0, 0, MAX_UNSENT_BYTES + 1)).toBe(0);
  });
});

describe("saved messages", () => {
  test("are kept by name, loaded, replaced and removed", () => {
    const store = memory();
    saveMessage(store, { name: "b", text: "1" });
    saveMessage(store, { name: "a", text: "2" });
    saveMessage(store, { name: "b", text: "3" });
    expect(readSaved(store)).toEqual([
      { name: "a", text: "2" },
      { name: "b", text: "3" },
    ]);
    removeSaved(store, "a");
    expect(removeSaved(store, "b")).toEqual([]);
    expect(store.getItem(SAVED_KEY)).toBeNull();
  });

  test("A4 never contain a token, in any frame or part of one", () => {
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.c2lnbmF0dXJl";
    const texts = [
      `{"type":"token","token":"${token}"}`,
      '{"type":"token","token":"short"}',
      `{"type":"token","token":"${token}"`,
      `{"type":"message","text":"${token}"}`,
      token,
    ];
    for (const text of texts) {
      const store = memory();
      expect(saveMessage(store, { name: "x", text })).toHaveProperty("problem");
      expect(store.getItem(SAVED_KEY)).toBeNull();
    }
  });

  test("SEC-P1 foreign data in their place is not trusted", () => {
    for (const text of ["{", "5", "null", '[{"name":1,"text":"x"},null]', '{"name":"a","text":"b"}']) {
      const store = memory();
      store.setItem(SAVED_KEY, text);
      expect(readSaved(store)).toEqual([]);
    }
  });

  test("a browser that stores nothing is reported", () => {
    const full: LocalStore = {
      ...memory(),
      setItem() {
        throw new Error("quota");
      },
    };
    expect(saveMessage(full, { name: "a", text: "b" })).toEqual({ problem: "The browser did not save it." });
  });
});

function frame(text: string, at: number): Frame {
  return {
    client: "c1",
    at,
    direction: "in",
    type: "x",
    bytes: 0,
    text,
    number: 1,
    annotations: { marks: [] },
  };
}

function memory(): LocalStore {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}
