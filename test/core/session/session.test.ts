import { describe, expect, test } from "bun:test";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import { closeReason, FULL_PLAN_RETRY_S } from "../../../src/core/session/close-reason.ts";
import { fullBucket } from "../../../src/core/session/flood-guard.ts";
import { openSession, step } from "../../../src/core/session/session.ts";
import type { Session, SessionEvent, Step } from "../../../src/core/session/state.ts";
import { nextDeadline } from "../../../src/core/session/timeouts.ts";
import type { ClientFrameType } from "../../../src/protocol/client-frames.ts";
import { mayReconnect } from "../../../src/protocol/close-codes.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";
import {
  ACCESS,
  ADMITTED,
  frame,
  live,
  QUOTA,
  RULES,
  SessionRun,
  START_MS,
  sentFrames,
  summary,
} from "../../support/models/session.ts";

type Phase = Session["phase"];
type EventType = SessionEvent["type"];

const SESSIONS: { readonly [P in Phase]: Extract<Session, { phase: P }> } = {
  anonymous: { phase: "anonymous", since: START_MS, bucket: fullBucket(RULES.burst, START_MS) },
  checking: { phase: "checking", since: START_MS, held: 0, bucket: fullBucket(RULES.burst, START_MS) },
  live: live({ waiting: 1 }),
  closed: { phase: "closed" },
};

const STORED: PostResult = { outcome: "stored", seq: 1, at: START_MS, quota: QUOTA };

const EVENTS: { readonly [T in EventType]: Extract<SessionEvent, { type: T }> } = {
  frame: frame({ type: "message", text: "hello" }),
  bad_frame: { type: "bad_frame", code: 1003 },
  control: { type: "control" },
  admitted: ADMITTED,
  progress: { type: "progress" },
  page_left: { type: "page_left" },
  caught_up: { type: "caught_up" },
  renewed: { type: "renewed", access: { ...ACCESS, expiresAt: START_MS + 60_000 } },
  renewal_refused: {
    type: "renewal_refused",
    code: "forbidden",
    message: "This token is for another user.",
  },
  refused: { type: "refused", code: "forbidden", message: "This token is for another user." },
  posted: { type: "posted", id: "m1", result: STORED },
  read: { type: "read", result: { outcome: "read", entries: [], more: false, quota: QUOTA } },
  clock_stepped: { type: "clock_stepped", by: 3_600_000 },
  tick: { type: "tick", unsent: 0 },
  flushed: { type: "flushed", unsent: RULES.maxUnsent + 1, dropped: false },
  end: { type: "end", ending: closeReason(1012, undefined, 3) },
};

// Total: a phase or an event that is added without a decision in every cell does not compile.
const TABLE: Record<Phase, Record<EventType, string>> = {
  anonymous: {
    frame: "closed error closing close 4401",
    bad_frame: "closed closing close 1003",
    control: "anonymous",
    admitted: "anonymous",
    progress: "anonymous",
    page_left: "anonymous",
    caught_up: "anonymous",
    renewed: "anonymous",
    renewal_refused: "anonymous",
    refused: "closed error closing close 4403",
    posted: "anonymous",
    read: "anonymous",
    clock_stepped: "anonymous",
    tick: "anonymous",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  checking: {
    frame: "checking hold",
    bad_frame: "closed closing close 1003",
    control: "checking",
    admitted: "live welcome release",
    progress: "checking",
    page_left: "checking",
    caught_up: "checking",
    renewed: "checking",
    renewal_refused: "checking",
    refused: "closed error closing close 4403",
    posted: "checking",
    read: "checking",
    clock_stepped: "checking",
    tick: "checking",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  live: {
    frame: "live post",
    bad_frame: "closed closing close 1003",
    control: "live",
    admitted: "live",
    progress: "live",
    page_left: "live",
    caught_up: "live",
    renewed: "live token_accepted",
    renewal_refused: "live error",
    refused: "closed error closing close 4403",
    posted: "live ack",
    read: "live history",
    clock_stepped: "live",
    tick: "live",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  // Events after the end are ignored: results of the engine, frames already read, late ticks.
  closed: {
    frame: "closed",
    bad_frame: "closed",
    control: "closed",
    admitted: "closed",
    progress: "closed",
    page_left: "closed",
    caught_up: "closed",
    renewed: "closed",
    renewal_refused: "closed",
    refused: "closed",
    posted: "closed",
    read: "closed",
    clock_stepped: "closed",
    tick: "closed",
    flushed: "closed",
    end: "closed",
  },
};

const PHASES = Object.keys(TABLE) as Phase[];
const EVENT_TYPES = Object.keys(EVENTS) as EventType[];

describe("every phase, every event", () => {
  for (const phase of PHASES) {
    for (const type of EVENT_TYPES) {
      test(`${phase}, ${type} → ${TABLE[phase][type]}`, () => {
        expect(summary(step(SESSIONS[phase], EVENTS[type], START_MS, RULES))).toBe(TABLE[phase][type]);
      });
    }
  }

  test("a step does not change its arguments", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const before = structuredClone(SESSIONS[phase]);
        step(SESSIONS[phase], EVENTS[type], START_MS + 1, RULES);
        expect(SESSIONS[phase]).toEqual(before);
      }
    }
  });
});

describe("every frame of an admitted client", () => {
  // The reply, and whether the frame counts as activity (I1).
  const FRAMES: Record<ClientFrameType, { content: object; answer: string; activity: boolean }> = {
    message: { content: { text: "hello", id: "m1" }, answer: "live post", activity: true },
    history: { content: { limit: 10 }, answer: "live read", activity: true },
    activity: { content: {}, answer: "live", activity: true },
    typing: { content: { active: true }, answer: "live typing", activity: true },
    read: { content: { seq: 1 }, answer: "live mark", activity: true },
    token: { content: { token: "t" }, answer: "live renew", activity: false },
    ping: { content: { id: "p1" }, answer: "live pong", activity: false },
  };

  for (const [type, { content, answer, activity }] of Object.entries(FRAMES)) {
    test(`I1 ${type} is ${activity ? "" : "not "}activity; the reply is "${answer}"`, () => {
      const result = step(live(), frame({ type, ...content }), START_MS + 1_000, RULES);
      expect(summary(result)).toBe(answer);
      expect(result.session).toMatchObject({ activeAt: activity ? START_MS + 1_000 : START_MS });
    });
  }

  test("a malformed or invalid frame gets an error with the sender's id; the socket stays open, and it is no activity", () => {
    const faults = [
      ["no json", { code: "malformed" }],
      ["[]", { code: "malformed" }],
      ['{"text":"no type"}', { code: "malformed" }],
      ['{"type":"shout","id":"x1"}', { code: "unknown_type", id: "x1" }],
      ['{"type":"message","text":7,"id":"x2"}', { code: "invalid", id: "x2" }],
      ['{"type":"message","text":"","id":"x3"}', { code: "invalid", id: "x3" }],
    ] as const;
    for (const [text, error] of faults) {
      const result = step(live(), frame(text), START_MS + 1_000, RULES);
      expect(sentFrames(result.effects)).toEqual([expect.objectContaining({ type: "error", ...error })]);
      expect(result.session).toMatchObject({ phase: "live", activeAt: START_MS });
    }
  });

  test("F2 a pong has the ping's id, and none if the ping had none", () => {
    expect(sentFrames(step(live(), frame({ type: "ping" }), START_MS, RULES).effects)).toEqual([
      { type: "pong" },
    ]);
    expect(sentFrames(step(live(), frame({ type: "ping", id: "p1" }), START_MS, RULES).effects)).toEqual([
      { type: "pong", id: "p1" },
    ]);
  });
});

describe("W4 the credential", () => {
  test("W4 the credential of a socket is checked, and a socket without one is anonymous", () => {
    expect(openSession(true, START_MS, RULES)).toEqual({
      phase: "checking",
      since: START_MS,
      held: 0,
      bucket: fullBucket(RULES.burst, START_MS),
    });
    expect(openSession(false, START_MS, RULES)).toEqual({
      phase: "anonymous",
      since: START_MS,
      bucket: fullBucket(RULES.burst, START_MS),
    });
  });

  test("W4 a first token frame is checked, and later frames wait and are released after the welcome", () => {
    const run = new SessionRun(openSession(false, START_MS, RULES));
    const first = run.apply(frame({ type: "token", token: "abc" }));
    expect(first.effects).toEqual([{ type: "authenticate", token: "abc" }]);
    expect(summary(run.apply(frame({ type: "message", text: "early" })))).toBe("checking hold");
    expect(summary(run.apply(ADMITTED))).toBe("live welcome release");
  });

  test("W4 any other first frame ends the socket with 4401 and an error that names the expected one", () => {
    for (const first of ['{"type":"message","text":"x"}', '{"type":"ping"}', "no json", '{"type":"token"}']) {
      const result = step(openSession(false, START_MS, RULES), frame(first), START_MS, RULES);
      expect(summary(result)).toBe("closed error closing close 4401");
      expect(sentFrames(result.effects)[0]).toMatchObject({
        code: "unauthorized",
        message: expect.stringContaining('"type":"token"'),
      });
    }
  });

  test("W4 five seconds without a credential end the socket with 4401", () => {
    const run = new SessionRun(openSession(false, START_MS, RULES));
    expect(nextDeadline(run.session, RULES)).toBe(START_MS + 5_000);
    expect(summary(run.advance(4_999))).toBe("anonymous");
    expect(summary(run.advance(1))).toBe("closed error closing close 4401");
  });

  // Thousands that connect at once wait for their turn. 4401 would make a client with a valid token give up.
  test("W4 a credential not checked within five seconds ends the socket with 1013, and the client reconnects", () => {
    const run = new SessionRun(openSession(true, START_MS, RULES));
    expect(summary(run.advance(4_999))).toBe("checking");
    expect(summary(run.advance(1))).toBe("closed closing close 1013");
  });

  test("W4 a token frame does not restart the five seconds", () => {
    const run = new SessionRun(openSession(false, START_MS, RULES));
    run.advance(4_000);
    run.apply(frame({ type: "token", token: "abc" }));
    expect(run.advance(1_000).session.phase).toBe("closed");
  });
});

describe("endings", () => {
  const endings = (result: Step) => {
    const frames = sentFrames(result.effects);
    const close = result.effects.at(-1);
    return { frames, close: close?.type === "close" ? close : undefined };
  };

  test("each close by the server is announced by `closing` as the last frame, with the same code", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const result = step(SESSIONS[phase], EVENTS[type], START_MS, RULES);
        if (result.session.phase !== "closed" || phase === "closed") continue;
        const { frames, close } = endings(result);
        expect(frames.at(-1)).toMatchObject({
          type: "closing",
          code: close?.code,
          reason: close?.reason,
          reconnect: mayReconnect(close!.code) || close!.code === 4409,
        });
      }
    }
  });

  test("a refusal sends its error first, and closes with the catalogue's code", () => {
    for (const code of [
      "bad_address",
      "unauthorized",
      "token_expired",
      "forbidden",
      "too_many_connections",
    ] as const) {
      const { frames, close } = endings(
        step(SESSIONS.checking, { type: "refused", code, message: "why" }, START_MS, RULES),
      );
      expect(frames.map(({ type }) => type)).toEqual(["error", "closing"]);
      const wait = code === "too_many_connections" ? { retry_after: FULL_PLAN_RETRY_S } : {};
      expect(frames[0]).toEqual({ type: "error", code, message: "why", ...wait });
      expect(close?.code).toBe(ERRORS[code].close);
      // A full plan is temporary; other refusals here are permanent.
      const passes = code === "too_many_connections";
      expect(frames[1]).toEqual({
        type: "closing",
        code: close!.code,
        reason: close!.reason,
        reconnect: passes,
        ...(passes && { retry_after: 5 }),
      });
    }
  });

  test("an internal error closes with 1011, and the client may reconnect", () => {
    const refused = step(
      SESSIONS.checking,
      { type: "refused", code: "internal", message: "id 1" },
      START_MS,
      RULES,
    );
    expect(endings(refused).close?.code).toBe(1011);
    expect(endings(refused).frames.at(-1)).toMatchObject({ type: "closing", reconnect: true });
  });

  test("L1 a close contains the time to reconnect", () => {
    expect(sentFrames(step(live(), EVENTS.end, START_MS, RULES).effects)).toEqual([
      { type: "closing", code: 1012, reason: "restarting", reconnect: true, retry_after: 3 },
    ]);
  });

  test("M1 a frame over the size limit gets `too_large` before 1009, a binary one is closed with 1003", () => {
    const large = step(live(), { type: "bad_frame", code: 1009 }, START_MS, RULES);
    expect(summary(large)).toBe("closed error closing close 1009");
    expect(sentFrames(large.effects)[0]).toMatchObject({
      code: "too_large",
      message: expect.stringContaining("65536"),
    });
    expect(summary(step(live(), { type: "bad_frame", code: 1003 }, START_MS, RULES))).toBe(
      "closed closing close 1003",
    );
  });

  test("RT-8 every reason fits a close frame: at most 123 bytes", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const { close } = endings(step(SESSIONS[phase], EVENTS[type], START_MS, RULES));
        if (close !== undefined) expect(Buffer.byteLength(close.reason)).toBeLessThanOrEqual(123);
      }
    }
  });
});
