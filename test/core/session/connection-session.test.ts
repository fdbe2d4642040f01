import { describe, expect, test } from "bun:test";
import { closeReason, FULL_PLAN_RETRY_S } from "../../../src/core/session/close-reason.ts";
import { openConnection, stepConnection } from "../../../src/core/session/connection-session.ts";
import type {
  ConnectionEvent,
  ConnectionSession,
  ConnectionStep,
} from "../../../src/core/session/connection-state.ts";
import { fullBucket } from "../../../src/core/session/flood-guard.ts";
import type { RequestOutcome } from "../../../src/core/session/membership-state.ts";
import { nextDeadline } from "../../../src/core/session/timeouts.ts";
import type { ClientFrameType } from "../../../src/protocol/client-frames.ts";
import { mayReconnect } from "../../../src/protocol/close-codes.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";
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
  TERM,
} from "../../support/models/session.ts";

type Phase = ConnectionSession["phase"];
type EventType = ConnectionEvent["type"];

const SESSIONS: { readonly [P in Phase]: Extract<ConnectionSession, { phase: P }> } = {
  anonymous: { phase: "anonymous", since: START_MS, bucket: fullBucket(RULES.burst, START_MS) },
  checking: { phase: "checking", since: START_MS, held: 0, bucket: fullBucket(RULES.burst, START_MS) },
  live: live({ waiting: 1, full: true, catchingUpSince: START_MS }),
  closed: { phase: "closed" },
};

/** A message of which its conversation makes `outcome`. */
function request(outcome: RequestOutcome): Extract<ConnectionEvent, { type: "frame" }> {
  return {
    ...frame({ type: "message", text: "hello" }),
    request: { outcome },
  };
}

const EVENTS: { readonly [T in EventType]: Extract<ConnectionEvent, { type: T }> } = {
  frame: request("asked"),
  bad_frame: { type: "bad_frame", code: 1003 },
  control: { type: "control" },
  admitted: ADMITTED,
  progress: { type: "progress" },
  released: { type: "released" },
  answered: { type: "answered", quota: QUOTA },
  caught_up: { type: "caught_up" },
  catching_up: { type: "catching_up" },
  kept_awake: { type: "kept_awake" },
  renewed: { type: "renewed", term: { ...TERM, expiresAt: START_MS + 60_000 } },
  renewal_refused: {
    type: "renewal_refused",
    code: "forbidden",
    message: "This token is for another user.",
  },
  refused: { type: "refused", code: "forbidden", message: "This token is for another user." },
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
    released: "anonymous",
    answered: "anonymous",
    caught_up: "anonymous",
    catching_up: "anonymous",
    kept_awake: "anonymous",
    renewed: "anonymous",
    renewal_refused: "anonymous",
    refused: "closed error closing close 4403",
    clock_stepped: "anonymous",
    tick: "anonymous",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  checking: {
    frame: "checking hold",
    bad_frame: "closed closing close 1003",
    control: "checking",
    admitted: "live welcome open release",
    progress: "checking",
    released: "checking",
    answered: "checking",
    caught_up: "checking",
    catching_up: "checking",
    kept_awake: "checking",
    renewed: "checking",
    renewal_refused: "checking",
    refused: "closed error closing close 4403",
    clock_stepped: "checking",
    tick: "checking",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  live: {
    frame: "live pass",
    bad_frame: "closed closing close 1003",
    control: "live",
    admitted: "live",
    progress: "live",
    released: "live",
    answered: "live",
    caught_up: "live ping",
    catching_up: "live",
    kept_awake: "live",
    renewed: "live token_accepted",
    renewal_refused: "live error",
    refused: "closed error closing close 4403",
    clock_stepped: "live",
    tick: "live",
    flushed: "closed closing close 1013",
    end: "closed closing close 1012",
  },
  // What arrives after the end changes nothing: answers of the store, frames already read, late ticks.
  closed: {
    frame: "closed",
    bad_frame: "closed",
    control: "closed",
    admitted: "closed",
    progress: "closed",
    released: "closed",
    answered: "closed",
    caught_up: "closed",
    catching_up: "closed",
    kept_awake: "closed",
    renewed: "closed",
    renewal_refused: "closed",
    refused: "closed",
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
        const { session, effects } = stepConnection(SESSIONS[phase], EVENTS[type], START_MS, RULES);
        expect(summary({ phase: session.phase, effects })).toBe(TABLE[phase][type]);
      });
    }
  }

  test("a step does not change its arguments", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const before = structuredClone(SESSIONS[phase]);
        stepConnection(SESSIONS[phase], EVENTS[type], START_MS + 1, RULES);
        expect(SESSIONS[phase]).toEqual(before);
      }
    }
  });
});

const HANDLE = "pO3cWg7kQ2xA";

describe("every frame of an admitted client", () => {
  // The answer, and whether it is something that a person did (I1).
  const FRAMES: Record<ClientFrameType, { content: object; answer: string; activity: boolean }> = {
    message: { content: { text: "hello", id: "m1" }, answer: "live post", activity: true },
    history: { content: { limit: 10 }, answer: "live read_history", activity: true },
    edit: { content: { seq: 1, text: "hi" }, answer: "live change", activity: true },
    erase: { content: { seq: 1 }, answer: "live change", activity: true },
    react: { content: { seq: 1, reaction: "👍", on: true }, answer: "live change", activity: true },
    open: {
      content: { conversations: [{ conversation: "a" }] },
      answer: "live open_or_close",
      activity: true,
    },
    close: { content: { conversations: ["a"] }, answer: "live open_or_close", activity: true },
    inbox: { content: { limit: 10 }, answer: "live inbox", activity: true },
    activity: { content: {}, answer: "live", activity: true },
    typing: { content: { active: true }, answer: "live typing", activity: true },
    read: { content: { seq: 1 }, answer: "live mark", activity: true },
    token: { content: { token: "t" }, answer: "live renew", activity: false },
    ping: { content: { id: "p1" }, answer: "live pong", activity: false },
    stream_start: { content: { id: "s1" }, answer: "live stream", activity: true },
    stream_append: { content: { stream: HANDLE, n: 1, text: "a" }, answer: "live stream", activity: true },
    stream_end: { content: { stream: HANDLE }, answer: "live stream", activity: true },
    stream_cancel: { content: { stream: HANDLE }, answer: "live stream", activity: true },
  };

  for (const [type, { content, answer, activity }] of Object.entries(FRAMES)) {
    test(`I1 ${type} is ${activity ? "" : "not "}activity; the answer is "${answer}"`, () => {
      const result = stepOnce(live(), frame({ type, ...content }), START_MS + 1_000);
      expect(summary(result)).toBe(answer);
      expect(result.session).toMatchObject({ activeAt: activity ? START_MS + 1_000 : START_MS });
    });
  }

  // Total: an outcome that is added without a decision here does not compile.
  const OUTCOMES: Record<RequestOutcome, { effects: string; state: object }> = {
    done: { effects: "live pass", state: { waiting: 31, full: false, activeAt: START_MS + 1_000 } },
    asked: { effects: "live pass pause", state: { waiting: 32, full: false, activeAt: START_MS + 1_000 } },
    held: { effects: "live pass", state: { waiting: 31, full: false, activeAt: START_MS } },
    full: { effects: "live pass pause", state: { waiting: 31, full: true, activeAt: START_MS } },
  };

  for (const [outcome, { effects, state }] of Object.entries(OUTCOMES)) {
    test(`B2 I1 a request that is "${outcome}" in its conversation: "${effects}"`, () => {
      const event = request(outcome as RequestOutcome);
      const result = stepConnection(live({ waiting: 31 }), event, START_MS + 1_000, RULES);
      expect(summary({ phase: result.session.phase, effects: result.effects })).toBe(effects);
      expect(result.session).toMatchObject(state);
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
      const result = stepOnce(live(), frame(text), START_MS + 1_000);
      expect(sentFrames(result.effects)).toEqual([expect.objectContaining({ type: "error", ...error })]);
      expect(result.session).toMatchObject({ phase: "live", activeAt: START_MS });
    }
  });

  test("F2 a pong has the ping's id, and none if the ping had none", () => {
    expect(sentFrames(stepOnce(live(), frame({ type: "ping" })).effects)).toEqual([{ type: "pong" }]);
    expect(sentFrames(stepOnce(live(), frame({ type: "ping", id: "p1" })).effects)).toEqual([
      { type: "pong", id: "p1" },
    ]);
  });
});

describe("W4 the credential", () => {
  test("W4 the credential of a socket is checked, and a socket without one is anonymous", () => {
    expect(openConnection(true, START_MS, RULES)).toEqual({
      phase: "checking",
      since: START_MS,
      held: 0,
      bucket: fullBucket(RULES.burst, START_MS),
    });
    expect(openConnection(false, START_MS, RULES)).toEqual({
      phase: "anonymous",
      since: START_MS,
      bucket: fullBucket(RULES.burst, START_MS),
    });
  });

  test("W4 a first token frame is checked, and later frames wait and are released after the welcome", () => {
    const run = new SessionRun(openConnection(false, START_MS, RULES));
    const first = run.apply(frame({ type: "token", token: "abc" }));
    expect(first.effects).toEqual([{ type: "authenticate", token: "abc" }]);
    expect(summary(run.apply(frame({ type: "message", text: "early" })))).toBe("checking hold");
    expect(summary(run.apply(ADMITTED))).toBe("live welcome release post");
  });

  test("W4 any other first frame ends the socket with 4401 and an error that names the expected one", () => {
    for (const first of ['{"type":"message","text":"x"}', '{"type":"ping"}', "no json", '{"type":"token"}']) {
      const result = stepOnce(openConnection(false, START_MS, RULES), frame(first));
      expect(summary(result)).toBe("closed error closing close 4401");
      expect(sentFrames(result.effects)[0]).toMatchObject({
        code: "unauthorized",
        message: expect.stringContaining('"type":"token"'),
      });
    }
  });

  test("W4 five seconds without a credential end the socket with 4401", () => {
    const run = new SessionRun(openConnection(false, START_MS, RULES));
    expect(nextDeadline(run.session, RULES)).toBe(START_MS + 5_000);
    expect(summary(run.advance(4_999))).toBe("anonymous");
    expect(summary(run.advance(1))).toBe("closed error closing close 4401");
  });

  // Thousands that connect at once wait for their turn. 4401 would make a client with a valid token give up.
  test("W4 a credential not checked within five seconds ends the socket with 1013, and the client reconnects", () => {
    const run = new SessionRun(openConnection(true, START_MS, RULES));
    expect(summary(run.advance(4_999))).toBe("checking");
    expect(summary(run.advance(1))).toBe("closed closing close 1013");
  });

  test("W4 a token frame does not restart the five seconds", () => {
    const run = new SessionRun(openConnection(false, START_MS, RULES));
    run.advance(4_000);
    run.apply(frame({ type: "token", token: "abc" }));
    expect(run.advance(1_000).session.phase).toBe("closed");
  });
});

describe("endings", () => {
  const endings = (result: Pick<ConnectionStep, "effects">) => {
    const frames = sentFrames(result.effects);
    const close = result.effects.at(-1);
    return { frames, close: close?.type === "close" ? close : undefined };
  };

  test("each close by the server is announced by `closing` as the last frame, with the same code", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const result = stepConnection(SESSIONS[phase], EVENTS[type], START_MS, RULES);
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
        stepConnection(SESSIONS.checking, { type: "refused", code, message: "why" }, START_MS, RULES),
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
    const refused = stepConnection(
      SESSIONS.checking,
      { type: "refused", code: "internal", message: "id 1" },
      START_MS,
      RULES,
    );
    expect(endings(refused).close?.code).toBe(1011);
    expect(endings(refused).frames.at(-1)).toMatchObject({ type: "closing", reconnect: true });
  });

  test("L1 a close contains the time to reconnect", () => {
    expect(sentFrames(stepOnce(live(), EVENTS.end).effects)).toEqual([
      { type: "closing", code: 1012, reason: "restarting", reconnect: true, retry_after: 3 },
    ]);
  });

  test("M1 a frame over the size limit gets `too_large` before 1009, a binary one is closed with 1003", () => {
    const large = stepOnce(live(), { type: "bad_frame", code: 1009 });
    expect(summary(large)).toBe("closed error closing close 1009");
    expect(sentFrames(large.effects)[0]).toMatchObject({
      code: "too_large",
      message: expect.stringContaining("65536"),
    });
    expect(summary(stepOnce(live(), { type: "bad_frame", code: 1003 }))).toBe("closed closing close 1003");
  });

  test("RT-8 every reason fits a close frame: at most 123 bytes", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const { close } = endings(stepConnection(SESSIONS[phase], EVENTS[type], START_MS, RULES));
        if (close !== undefined) expect(Buffer.byteLength(close.reason)).toBeLessThanOrEqual(123);
      }
    }
  });
});
