import { expect, test } from "bun:test";
import type { ChatEvent } from "../../../src/cli/chat/chat-event.ts";
import { formatEvent } from "../../../src/cli/chat/format.ts";

const plain = { data: (_: string, text: string) => text, talk: (_: string, text: string) => text };

/** The output for an event, for a person at a terminal or for a pipe. */
function words(event: ChatEvent, isPerson = true): string {
  const { data = [], talk = [] } = formatEvent(event, plain, 1_000_000, isPerson);
  return [...data.map((line) => `data: ${line}`), ...talk.map((line) => `talk: ${line}`)].join("\n");
}

const QUOTA = { limit: 100, remaining: 7, reset: 3599 };

test("the connection: what happened to it, and what comes next", () => {
  const status = (rest: object) => words({ type: "status", ...rest } as ChatEvent);
  expect(status({ state: "waiting", reason: "no pong", until: 1_002_500 })).toBe(
    "talk: disconnected (no pong); next attempt in 2.5 s",
  );
  expect(status({ state: "degraded", reason: "disk\nfull" })).toBe(
    "talk: the server's store is unavailable (disk␊full): your messages wait",
  );
  expect(status({ state: "live", previous: "degraded" })).toBe("talk: the server's store is available again");
  expect(status({ state: "live", previous: "resuming" })).toBe("");
  expect(status({ state: "closed", code: 4408, reason: "inactive", advice: "reconnect" })).toBe(
    "talk: closed with 4408, inactive. There was no activity for too long. Reconnect when you are back. (your next message, or /reconnect, opens it again, /quit exits)",
  );
});

test("a reconnect: how many messages were caught up, and whether any are lost", () => {
  const back = (caught_up: number, lost: boolean) =>
    words({ type: "resumed", caught_up, lost, milliseconds: 1400 });
  expect(back(0, false)).toBe("talk: reconnected after 1.4 s: no missed messages, none lost");
  expect(back(1, false)).toBe("talk: reconnected after 1.4 s: 1 missed message received, none lost");
  expect(back(3, true)).toBe("talk: reconnected after 1.4 s: 3 missed messages received");
  expect(words({ type: "lost", first: 5, last: 9 })).toBe(
    "talk: #5 to #9 are lost: the server no longer stores them",
  );
  expect(words({ type: "lost", epoch: "e" })).toContain("store lost data or was restored");
});

test("an ack is status text for a person, and a plan without limit has no quota to report", () => {
  const ack = { type: "ack", id: "m", seq: 4, at: 0, milliseconds: 2.25 } as const;
  expect(words({ ...ack, quota: QUOTA })).toBe("talk: #4 stored, ack after 2.3 ms; 7 of 100 requests left");
  expect(words({ ...ack, duplicate: true, quota: null })).toBe("talk: #4 already stored, ack after 2.3 ms");
  expect(words({ ...ack, quota: QUOTA }, false)).toBe("");
  expect(words({ type: "over_quota", retry_after: 3540, limit: 100 })).toBe(
    "talk: all 100 requests of this hour are used: pending messages are sent again in 59 min",
  );
});

test("one's own message is shown where it was typed, and is data in a pipe", () => {
  const own = { type: "message", own: true, seq: 1, id: "m", from: "ann", text: "hi", at: 0 } as const;
  expect(words(own)).toBe("");
  expect(words(own, false)).toMatch(/^data: #1 \d\d:\d\d:\d\d ann: hi$/);
});

test("a message of data alone is shown by its data", () => {
  const message = { type: "message", seq: 1, id: "m", from: "ben", text: "", at: 0 } as const;
  expect(words({ ...message, data: { kind: "wave" } })).toMatch(
    /^data: #1 \d\d:\d\d:\d\d ben: \{"kind":"wave"\}$/,
  );
});

test("an answer names the message that it answers, and a stream how it ended, unless it is done", () => {
  const message = {
    type: "message",
    seq: 2,
    id: "m",
    from: "bot",
    text: "half",
    at: 0,
    reply_to: 1,
  } as const;
  const ended = (state: "done" | "failed" | "interrupted") =>
    words({ ...message, stream: { stream: "pO3cWg7kQ2xA", state } }).replace(/[\d:]+:\d\d/, "12:00:00");
  expect(ended("done")).toBe("data: #2 12:00:00 bot (to #1): half");
  expect(ended("failed")).toBe(
    `data: #2 12:00:00 bot (to #1): half\ndata: ${" ".repeat(25)}(failed: the text is not complete)`,
  );
  expect(ended("interrupted")).toEndWith("(interrupted: its writer was gone)");
});

test("a message says what changes have made of it", () => {
  const message = { type: "message", seq: 2, id: "m", from: "ben", text: "hi", at: 0 } as const;
  const shown = (fields: object) => words({ ...message, ...fields }).replace(/[\d:]+:\d\d/, "12:00:00");
  const reactions = { "👍": { count: 2, users: ["ann", "cem"] }, "\u001b[2J": { count: 1, users: ["bot"] } };
  expect(shown({ edited: { at: 5, rev: 1 }, reactions })).toBe(
    `data: #2 12:00:00 ben: hi\ndata: ${" ".repeat(17)}(edited) 👍 2, ␛[2J 1`,
  );
  expect(shown({ text: "", edited: { at: 5, rev: 1 }, erased: { by: "ann", at: 6, reason: "a\nb" } })).toBe(
    "data: #2 12:00:00 ben: (erased by ann: a␊b)",
  );
});

test("each change is a line with its kind, its user, and what is new", () => {
  const change = (kind: string, set: object, by?: string) =>
    words({ type: "change", rev: 9, seq: 41, kind, by, at: 0, set } as ChatEvent).replaceAll(
      /[\d:]+:\d\d/g,
      "12:00:00",
    );
  const edited = { edited: { at: 5, rev: 9 } };
  expect(change("edit", { text: "a\nb", ...edited }, "ann")).toBe(
    `data: #41 12:00:00 edited by ann: a\ndata: ${" ".repeat(28)}b`,
  );
  expect(change("edit", { data: { n: 1 }, ...edited }, "ann")).toBe(
    'data: #41 12:00:00 edited by ann: {"n":1}',
  );
  expect(change("edit", { data: null, ...edited }, "ann")).toBe(
    "data: #41 12:00:00 edited by ann: (without data)",
  );
  const erased = { text: "", data: null, reactions: null };
  expect(change("erase", { ...erased, erased: { by: "ann", at: 5, reason: "spam" } }, "ann")).toBe(
    "data: #41 12:00:00 erased by ann: spam",
  );
  expect(change("erase", { ...erased, erased: { by: "ann", at: 5 } }, "ann")).toBe(
    "data: #41 12:00:00 erased by ann",
  );
  expect(change("react", { reactions: { "👍": { count: 3, users: ["ben", "ann"] } } }, "ben")).toBe(
    "data: #41 12:00:00 reaction 👍 by ben (3 in all)",
  );
  expect(change("react", { reactions: { "👍": { count: 0 } } }, "ben")).toBe(
    "data: #41 12:00:00 reaction 👍 taken back by ben (0 in all)",
  );
  const reactions = { "👍": { count: 3, users: ["ben", "ann"] } };
  expect(change("fold", { text: "hello", ...edited, reactions })).toBe(
    `data: #41 12:00:00 changed meanwhile: hello\ndata: ${" ".repeat(32)}(edited) 👍 3`,
  );
  expect(change("fold", { text: "", erased: { by: "cem", at: 5 } })).toBe(
    "data: #41 12:00:00 changed meanwhile: (erased by cem)",
  );
});

test("the ack and the refusal of a change name the message", () => {
  const ack = {
    type: "ack",
    change: "edit",
    id: "c",
    seq: 4,
    at: 0,
    milliseconds: 2.25,
    quota: null,
  } as const;
  expect(words({ ...ack, rev: 2 })).toBe("talk: #4 changed, ack after 2.3 ms");
  expect(words({ ...ack, duplicate: true })).toBe(
    "talk: #4 was not changed: it is already as you want it, nothing was charged, ack after 2.3 ms",
  );
  expect(words({ type: "refused", change: "erase", seq: 4, code: "forbidden", message: "Not yours." })).toBe(
    "talk: #4 not changed: Not yours. (forbidden)",
  );
});

test("the welcome lists the present users and the newest messages", () => {
  const welcome = {
    type: "welcome",
    user: "ann",
    conversation: "lobby",
    plan: "free",
    quota: QUOTA,
  } as const;
  const present = ["ann", "ben", "cid"].map((user) => ({ user, since: 0 }));
  expect(words({ ...welcome, seq: 0, present: present.slice(0, 1) })).toBe(
    "talk: ann in lobby; no messages yet; no other users present; 7 of 100 requests left (free); /help for commands",
  );
  expect(words({ ...welcome, seq: 12, present })).toContain("last message #12; present: ben, cid;");
  const crowd = Array.from({ length: 20 }, (_, index) => ({ user: `u${index}`, since: 0 }));
  expect(words({ ...welcome, seq: 1, present: crowd })).toContain("u5, u6 and 13 others");
});
