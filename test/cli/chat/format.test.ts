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
  expect(status({ state: "waiting", reason: "no pong came", until: 1_002_500 })).toBe(
    "talk: no connection (no pong came); next try in 2.5 s",
  );
  expect(status({ state: "degraded", reason: "disk\nfull" })).toBe(
    "talk: the server's store is away (disk␊full): what you say waits",
  );
  expect(status({ state: "live", previous: "degraded" })).toBe("talk: the server's store is back");
  expect(status({ state: "live", previous: "resuming" })).toBe("");
  expect(status({ state: "closed", code: 4408, reason: "inactive", advice: "reconnect" })).toBe(
    "talk: closed with 4408, inactive. Closed because nothing was done for a while. Reconnect when you are back. (what you say next, or /reconnect, opens it again, /quit leaves)",
  );
});

test("a reconnect: how many messages were caught up, and whether any are lost", () => {
  const back = (caught_up: number, lost: boolean) =>
    words({ type: "resumed", caught_up, lost, milliseconds: 1400 });
  expect(back(0, false)).toBe("talk: back after 1.4 s: nothing was said meanwhile, nothing is lost");
  expect(back(1, false)).toBe("talk: back after 1.4 s: 1 message caught up with, nothing is lost");
  expect(back(3, true)).toBe("talk: back after 1.4 s: 3 messages caught up with");
  expect(words({ type: "lost", first: 5, last: 9 })).toBe(
    "talk: #5 to #9 are lost: the server no longer has them",
  );
  expect(words({ type: "lost", epoch: "e" })).toContain("store is another one now");
});

test("an ack is status text for a person, and a plan without limit has no quota to report", () => {
  const ack = { type: "ack", id: "m", seq: 4, at: 0, milliseconds: 2.25 } as const;
  expect(words({ ...ack, quota: QUOTA })).toBe("talk: #4 stored after 2.3 ms; 7 of 100 requests left");
  expect(words({ ...ack, duplicate: true, quota: null })).toBe("talk: #4 was stored before after 2.3 ms");
  expect(words({ ...ack, quota: QUOTA }, false)).toBe("");
  expect(words({ type: "over_quota", retry_after: 3540, limit: 100 })).toBe(
    "talk: all 100 requests of this hour are used: what waits is sent again in 59 min",
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
    "talk: ann in lobby; nothing was said yet; nobody else is here; 7 of 100 requests left (free); /help",
  );
  expect(words({ ...welcome, seq: 12, present })).toContain("#12 was the last message; here: ben, cid;");
  const crowd = Array.from({ length: 20 }, (_, index) => ({ user: `u${index}`, since: 0 }));
  expect(words({ ...welcome, seq: 1, present: crowd })).toContain("u5, u6 and 13 others");
});
