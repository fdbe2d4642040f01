import { describe, expect, test } from "bun:test";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import { openConnection } from "../../../src/core/session/connection-session.ts";
import type { ConnectionEvent, Live, SessionRules } from "../../../src/core/session/connection-state.ts";
import { fullBucket } from "../../../src/core/session/flood-guard.ts";
import type { MembershipEvent, Open } from "../../../src/core/session/membership-state.ts";
import type { Quota } from "../../../src/protocol/server-frames.ts";
import {
  ADMITTED,
  frame,
  live,
  QUOTA,
  RULES,
  SessionRun,
  START_MS,
  sentFrames,
  stepOnce,
  summary,
  WELCOME,
} from "../../support/models/session.ts";
import { Random, seeds } from "../../support/random.ts";

const PING = frame({ type: "ping" });
const CONTROL: ConnectionEvent = { type: "control" };
const MESSAGE = frame({ type: "message", text: "x", id: "m1" });
const LIMITED: PostResult = {
  outcome: "rate_limited",
  retryAfter: 1_234.5,
  quota: { limit: 100, remaining: 0, reset: 3_600 },
};

function posted(result: PostResult): MembershipEvent {
  return { type: "posted", id: "m1", conversation: "lobby", result };
}

function stored(quota: Quota | null = QUOTA): MembershipEvent {
  return posted({ outcome: "stored", seq: 1, at: START_MS, quota });
}

/** Repeats `event` until the session has ended; returns how often, and at which counts there was a warning. */
function flood(run: SessionRun, events: readonly ConnectionEvent[]): { frames: number; warnedAt: number[] } {
  const warnedAt: number[] = [];
  for (let frames = 1; frames <= 1_000; frames++) {
    const { effects, session } = run.apply(events[frames % events.length]!);
    if (sentFrames(effects).some(({ type }) => type === "warning")) warnedAt.push(frames);
    if (session.phase === "closed") return { frames, warnedAt };
  }
  throw new Error("A thousand frames did not end the session.");
}

describe("M2 the flood guard", () => {
  test("M2 a flood causes three warnings, and then a close with 4429", () => {
    const run = new SessionRun();
    expect(flood(run, [PING])).toEqual({ frames: 161, warnedAt: [41, 81, 121] });
    expect(run.sent().slice(-2)).toEqual([
      expect.objectContaining({ type: "error", code: "flooding" }),
      { type: "closing", code: 4429, reason: "flooding", reconnect: false },
    ]);
    expect(run.effects.at(-1)).toEqual({ type: "close", code: 4429, reason: "flooding" });
  });

  test("M2 control frames, invalid frames and valid ones count alike", () => {
    for (const events of [[CONTROL], [frame("no json")], [CONTROL, PING, frame({ type: "activity" })]])
      expect(flood(new SessionRun(), events)).toEqual({ frames: 161, warnedAt: [41, 81, 121] });
  });

  // They were not counted until the welcome: a client without an account could keep the server sending pongs.
  test("M2 control frames before the welcome count too", () => {
    for (const hasCredential of [false, true]) {
      const run = new SessionRun(openConnection(hasCredential, START_MS, RULES));
      expect(flood(run, [CONTROL])).toEqual({ frames: 161, warnedAt: [] });
      expect(run.sent()).toEqual([
        expect.objectContaining({ type: "error", code: "flooding" }),
        expect.objectContaining({ type: "closing", code: 4429 }),
      ]);
    }
  });

  test("M2 frames sent before the welcome count after it", () => {
    const run = new SessionRun(openConnection(true, START_MS, RULES));
    for (let i = 0; i < 100; i++) run.apply(CONTROL);
    run.apply(ADMITTED);
    expect(flood(run, [CONTROL]).frames).toBe(61);
  });

  test("M2 the warning contains the seconds of silence that restore the bucket", () => {
    const run = new SessionRun();
    for (let i = 0; i < 41; i++) run.apply(PING);
    const warning = run.sent().find(({ type }) => type === "warning");
    expect(warning).toMatchObject({ code: "flooding", seconds: 3 });
    run.now += 3_000;
    for (let i = 0; i < 40; i++) expect(summary(run.apply(PING))).toBe("live pong");
  });

  test("M2 twenty frames a second pass for ever", () => {
    const run = new SessionRun();
    for (let i = 0; i < 2_000; i++) {
      run.now += 50;
      expect(summary(run.apply(PING))).toBe("live pong");
    }
  });

  test("M2 Q4 a client that sends a free user's whole hour at once is warned, and not closed", () => {
    const run = new SessionRun(live(), { ...RULES, maxWaiting: 1_000 });
    for (let i = 0; i < 101; i++)
      expect(run.apply(MESSAGE).effects).toContainEqual(expect.objectContaining({ type: "post" }));
  });

  test("M2 BURST_RATE 0 turns it off", () => {
    const rules = { ...RULES, burst: { rate: 0, size: 40 } };
    const run = new SessionRun(live({ bucket: fullBucket(rules.burst, START_MS) }), rules);
    for (let i = 0; i < 10_000; i++) run.apply(CONTROL);
    expect(run.session.phase).toBe("live");
  });
});

describe("B2 a sender with too much in flight", () => {
  const OPEN_RULES: SessionRules = { ...RULES, burst: { rate: 0, size: 1 } };

  test("B2 is paused at 32 pending requests, once, and resumed when half have results", () => {
    const run = new SessionRun(live(), OPEN_RULES);
    for (let i = 1; i <= 31; i++) expect(summary(run.apply(MESSAGE))).toBe("live post");
    expect(summary(run.apply(MESSAGE))).toBe("live post pause");
    // Frames that the runtime had already read still arrive.
    for (let i = 0; i < 8; i++) expect(summary(run.apply(MESSAGE))).toBe("live post");
    for (let i = 39; i > 16; i--) expect(summary(run.apply(stored()))).toBe("live ack");
    expect(summary(run.apply(stored()))).toBe("live ack resume");
    for (let i = 15; i >= 0; i--) expect(summary(run.apply(posted(LIMITED)))).toBe("live error");
    expect(run.session).toMatchObject({ waiting: 0, paused: false });
  });

  test("B2 each request gets exactly one result, of any kind, so that the count returns to zero", () => {
    const run = new SessionRun(live(), OPEN_RULES);
    const results: MembershipEvent[] = [
      stored(),
      posted({ outcome: "duplicate", seq: 1, at: START_MS, quota: QUOTA }),
      posted(LIMITED),
      posted({ outcome: "unavailable" }),
      { type: "history_read", result: { outcome: "read", entries: [], more: false, quota: QUOTA } },
      { type: "history_read", result: LIMITED as Extract<PostResult, { outcome: "rate_limited" }> },
      { type: "history_read", result: { outcome: "unavailable" } },
    ];
    for (const _ of results) run.apply(MESSAGE);
    for (const result of results) run.apply(result);
    expect((run.session as Live).waiting).toBe(0);
  });

  test("B2 frames before the welcome are held, and the socket is paused at 32 of them", () => {
    const run = new SessionRun(openConnection(true, START_MS, RULES));
    for (let i = 1; i <= 31; i++) expect(summary(run.apply(MESSAGE))).toBe("checking hold");
    expect(summary(run.apply(MESSAGE))).toBe("checking hold pause");
    expect(summary(run.apply(MESSAGE))).toBe("checking hold");
  });

  // A client that sent 32 messages before its welcome had them released into the pause of 32 unanswered requests, and
  // was resumed after that: the session took it for paused, so nothing held it back any more.
  test("B2 a socket paused before the welcome is resumed before the held frames are released, not after", () => {
    const run = new SessionRun(openConnection(true, START_MS, RULES));
    for (let i = 0; i < 32; i++) run.apply(MESSAGE);
    expect(summary(run.apply(ADMITTED))).toMatch(/^live welcome resume release( post){32} pause$/);
  });
});

describe("B1 the pages of several `history` requests", () => {
  const HISTORY = frame({ type: "history", id: "h" });
  const PAGE: MembershipEvent = {
    type: "history_read",
    id: "h",
    result: { outcome: "read", entries: [], more: true, quota: QUOTA },
  };
  const AWAY: MembershipEvent = { type: "history_read", id: "h", result: { outcome: "unavailable" } };
  const LEFT: MembershipEvent = { type: "page_left" };

  test("B1 the next is requested when the one before was sent; its bytes do not count as unread", () => {
    const run = new SessionRun();
    expect(run.apply(HISTORY).effects).toMatchObject([{ type: "read_history" }]);
    expect(run.apply(HISTORY).effects).toEqual([
      { type: "hold", frame: { type: "history", id: "h", limit: 50 } },
    ]);
    expect(run.apply(PAGE).effects).toEqual([
      {
        type: "feed",
        frame: JSON.stringify({ type: "history", messages: [], more: true, quota: QUOTA, id: "h" }),
      },
    ]);
    expect(summary(run.apply(LEFT))).toBe("live release read_history");
  });

  test("B1 a page of an earlier request that has left releases nothing while the store has the request", () => {
    const run = new SessionRun();
    run.apply(HISTORY);
    run.apply(HISTORY);
    expect(summary(run.apply(LEFT))).toBe("live");
    run.apply(PAGE);
    expect(summary(run.apply(LEFT))).toBe("live release read_history");
  });

  test("B1 a refused request leaves no page to wait for", () => {
    const run = new SessionRun();
    run.apply(HISTORY);
    run.apply(HISTORY);
    expect(summary(run.apply(AWAY))).toBe("live error release read_history");
    expect(summary(run.apply(AWAY))).toBe("live error");
    expect(run.session).toMatchObject({ waiting: 0 });
  });

  test("D2 a message after a held request waits, too: results come in the order of the requests", () => {
    const run = new SessionRun();
    run.apply(HISTORY);
    expect(summary(run.apply(MESSAGE))).toBe("live post");
    run.apply(HISTORY);
    expect(summary(run.apply(MESSAGE))).toBe("live hold");
    expect(summary(run.apply(PING))).toBe("live pong");
  });

  test("M2 a held request counts when it arrives, and not again when it is released", () => {
    const run = new SessionRun();
    for (let i = 0; i < 40; i++) run.apply(HISTORY);
    const { bucket } = run.session as Live;
    expect(bucket.level).toBe(0);
    run.apply(PAGE);
    expect(summary(run.apply(LEFT))).toStartWith("live resume release read_history hold");
    expect((run.session as Live).bucket).toEqual(bucket);
    expect(summary(run.apply(HISTORY))).toStartWith("live warning hold");
  });

  // Requests at the store and requests that are held both pause the socket: it must read again when neither does, and
  // not before.
  test("B2 32 held frames pause it; a result of another request does not resume it, the sent page does", () => {
    const run = new SessionRun(live({ bucket: fullBucket({ rate: 0, size: 1 }, START_MS) }), {
      ...RULES,
      burst: { rate: 0, size: 1 },
    });
    run.apply(HISTORY);
    run.apply(MESSAGE);
    for (let i = 1; i <= 31; i++) expect(summary(run.apply(HISTORY))).toBe("live hold");
    expect(summary(run.apply(HISTORY))).toBe("live hold pause");
    expect(summary(run.apply(HISTORY))).toBe("live hold");
    expect(summary(run.apply(stored()))).toBe("live ack");
    expect(summary(run.apply(PAGE))).toBe("live history");
    expect(summary(run.apply(LEFT))).toStartWith("live resume release read_history hold");
    expect(run.session).toMatchObject({ paused: true, full: true });
    expect(run.membership).toMatchObject({ held: 32 });
  });

  test.each(seeds(1, 2, 3))(
    "B2 it is never paused for good, in any order of requests, results and releases, seed %d",
    (seed) => {
      const random = new Random(seed);
      const rules = { ...RULES, burst: { rate: 0, size: 1 }, maxWaiting: 4 };
      for (let round = 0; round < 200; round++) {
        const run = new SessionRun(live(), rules);
        const store: ("post" | "read_history")[] = [];
        const answers: string[] = [];
        let asked = 0;
        const happen = (event: ConnectionEvent | MembershipEvent): void => {
          for (const effect of run.apply(event).effects) {
            if (effect.type === "post" || effect.type === "read_history") store.push(effect.type);
            if (effect.type === "feed") answers.push("page");
            if (effect.type === "send") answers.push(effect.frame.type === "ack" ? "ack" : "page");
          }
        };
        const wanted: string[] = [];
        const paused = () => (run.session as Live).paused;
        const held = () => (run.membership as Open).held;
        const answer = () => {
          const next = store.shift();
          if (next === "post") happen(stored());
          else if (next === "read_history") happen(random.next() < 0.3 ? AWAY : PAGE);
        };
        while (asked < 40 || store.length + held() > 0) {
          const choice = random.next();
          if (choice < 0.4 && asked < 40 && !paused()) {
            asked++;
            const isPost = random.next() < 0.5;
            wanted.push(isPost ? "ack" : "page");
            happen(isPost ? MESSAGE : HISTORY);
          } else if (choice < 0.7) answer();
          else happen(LEFT);
        }
        expect(answers).toEqual(wanted);
        expect(run.session).toMatchObject({ waiting: 0, full: false, paused: false });
        expect(run.membership).toMatchObject({ phase: "open", held: 0 });
      }
    },
  );
});

describe("B1 M3 a reader that cannot keep up", () => {
  test("B1 M3 more than 1 MiB unsent closes it with 1013, after which the client may reconnect", () => {
    const full = stepOnce(live(), { type: "flushed", unsent: RULES.maxUnsent, dropped: false });
    expect(summary(full)).toBe("live");
    const over = stepOnce(live(), { type: "flushed", unsent: RULES.maxUnsent + 1, dropped: false });
    expect(summary(over)).toBe("closed closing close 1013");
    expect(sentFrames(over.effects)).toEqual([
      { type: "closing", code: 1013, reason: "too slow or overloaded", reconnect: true },
    ]);
  });

  test("B1 RT-5 a frame that the runtime dropped closes it too: a hole is never silent", () => {
    expect(summary(stepOnce(live(), { type: "flushed", unsent: 0, dropped: true }))).toBe(
      "closed closing close 1013",
    );
  });
});

describe("Q4 refusals", () => {
  test("Q4 over quota the sender gets the time of the next accepted request, and the socket stays open", () => {
    const result = stepOnce(live({ waiting: 1 }), posted(LIMITED));
    expect(result.session.phase).toBe("live");
    expect(sentFrames(result.effects)).toEqual([
      {
        type: "error",
        code: "rate_limited",
        message: "All 100 requests of this hour are used; the next is accepted in 1.3 s.",
        id: "m1",
        retry_after: 1.2345,
        quota: LIMITED.quota,
      },
    ]);
    expect(result.effects).toContainEqual({
      type: "note",
      note: { event: "limit.rate", retry_after: LIMITED.retryAfter / 1000 },
    });
  });

  test("Q4 an unavailable store is reported, with the id to send again", () => {
    const result = stepOnce(live({ waiting: 1 }), posted({ outcome: "unavailable" }));
    expect(summary(result)).toBe("live error");
    expect(sentFrames(result.effects)[0]).toMatchObject({ code: "unavailable", id: "m1", retry_after: 1 });
  });

  test("D3 an ack is marked `duplicate` for a repeat, and only then", () => {
    const ack = (outcome: "stored" | "duplicate") =>
      sentFrames(stepOnce(live({ waiting: 1 }), posted({ outcome, seq: 4, at: 9, quota: QUOTA })).effects);
    expect(ack("stored")).toEqual([{ type: "ack", id: "m1", seq: 4, at: 9, quota: QUOTA }]);
    expect(ack("duplicate")).toEqual([
      { type: "ack", id: "m1", seq: 4, at: 9, duplicate: true, quota: QUOTA },
    ]);
  });

  test("Q3 a tenth of the plan left causes one warning, and another one after it was more in between", () => {
    const run = new SessionRun(live({ waiting: 10 }));
    const left = (remaining: number) => summary(run.apply(stored({ limit: 100, remaining, reset: 60 })));
    expect(left(11)).toBe("live ack");
    expect(left(10)).toBe("live ack warning");
    expect(left(9)).toBe("live ack");
    expect(left(50)).toBe("live ack");
    expect(left(10)).toBe("live ack warning");
    expect(run.sent().at(-1)).toMatchObject({ type: "warning", code: "quota_low" });
  });

  test("Q3 a client that connects with little left sees it in the welcome; one without a limit is never warned", () => {
    const low = { limit: 100, remaining: 5, reset: 60 };
    const admitted = stepOnce(openConnection(true, START_MS, RULES), {
      ...ADMITTED,
      welcome: { ...WELCOME, quota: low },
    });
    expect(summary(stepOnce(admitted.session, stored({ ...low, remaining: 4 })))).toBe("live ack");
    expect(summary(stepOnce(live({ waiting: 1 }), stored(null)))).toBe("live ack");
  });
});
