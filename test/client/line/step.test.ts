import { describe, expect, test } from "bun:test";
import type { LineEffect, LineEvent, LineState } from "../../../src/client/line/state.ts";
import { IDLE, isIdle, step } from "../../../src/client/line/step.ts";
import {
  BACKOFF_EARLY_MAX_MS,
  BACKOFF_INITIAL_MS,
  BACKOFF_RESET_AFTER_MS,
} from "../../../src/client/options.ts";
import { CLOSE_CODES, mayReconnect } from "../../../src/protocol/close-codes.ts";

const NOW = 1_000_000;

/** One of each state. */
const STATES: { [S in LineState["state"]]: Extract<LineState, { state: S }> | LineState } = {
  idle: IDLE,
  connecting: { state: "connecting", attempt: 2, fresh: false },
  live: { state: "live", attempt: 2 },
  degraded: { state: "degraded", attempt: 2, reason: "the store is away" },
  waiting: {
    state: "waiting",
    attempt: 2,
    until: NOW + 1,
    code: 1006,
    reason: "connection lost",
    fresh: false,
    firm: false,
  },
  closed: { state: "closed", code: 4403, reason: "forbidden", advice: "change", attempt: 0 },
};

/** One of each event; `connection_lost` is a cut connection. */
const EVENTS: { [E in LineEvent["type"]]: LineEvent & { type: E } } = {
  use: { type: "use" },
  reconnect: { type: "reconnect" },
  close: { type: "close" },
  welcome: { type: "welcome" },
  degraded: { type: "degraded", reason: "the store is away" },
  recovered: { type: "recovered" },
  closing: {
    type: "closing",
    closing: { code: 1012, reason: "restarting", reconnect: true, retry_after: 7 },
  },
  connection_lost: {
    type: "connection_lost",
    code: 1006,
    reason: "",
    lasted: 1,
    renewable: false,
    hasStray: false,
  },
  token_failed: { type: "token_failed", reason: "no token" },
  token_missing: { type: "token_missing", reason: "signed out" },
  timer: { type: "timer", used: true },
  wake: { type: "wake" },
  offline: { type: "offline" },
};

type Cell = LineState["state"] | readonly [LineState["state"], ...LineEffect["type"][]];

const lost: Cell = ["waiting", "wait"];
const left: Cell = ["closed", "close"];
const dialled: Cell = ["connecting", "dial"];
const redialled: Cell = ["connecting", "close", "dial"];

/** The next state for each state and event, and the effects. A state or an event without its cells does not compile. */
const TABLE: Record<LineState["state"], Record<LineEvent["type"], Cell>> = {
  idle: {
    use: dialled,
    reconnect: redialled,
    close: left,
    welcome: "idle",
    degraded: "idle",
    recovered: "idle",
    closing: "idle",
    connection_lost: "idle",
    token_failed: "idle",
    token_missing: "idle",
    timer: "idle",
    wake: "idle",
    offline: "idle",
  },
  connecting: {
    use: "connecting",
    reconnect: redialled,
    close: left,
    welcome: "live",
    degraded: "connecting",
    recovered: "connecting",
    closing: "connecting",
    connection_lost: lost,
    token_failed: lost,
    token_missing: "closed",
    timer: "connecting",
    wake: "connecting",
    offline: "connecting",
  },
  live: {
    use: "live",
    reconnect: redialled,
    close: left,
    welcome: "live",
    degraded: "degraded",
    recovered: "live",
    closing: "live",
    connection_lost: lost,
    token_failed: "live",
    token_missing: "live",
    timer: "live",
    wake: ["live", "probe"],
    offline: ["live", "probe"],
  },
  degraded: {
    use: "degraded",
    reconnect: redialled,
    close: left,
    welcome: "degraded",
    degraded: "degraded",
    recovered: "live",
    closing: "degraded",
    connection_lost: lost,
    token_failed: "degraded",
    token_missing: "degraded",
    timer: "degraded",
    wake: ["degraded", "probe"],
    offline: ["degraded", "probe"],
  },
  waiting: {
    use: "waiting",
    reconnect: redialled,
    close: left,
    welcome: "waiting",
    degraded: "waiting",
    recovered: "waiting",
    closing: "waiting",
    connection_lost: "waiting",
    token_failed: "waiting",
    token_missing: "waiting",
    timer: dialled,
    wake: dialled,
    offline: "waiting",
  },
  closed: {
    use: "closed",
    reconnect: redialled,
    close: "closed",
    welcome: "closed",
    degraded: "closed",
    recovered: "closed",
    closing: "closed",
    connection_lost: "closed",
    token_failed: "closed",
    token_missing: "closed",
    timer: "closed",
    wake: "closed",
    offline: "closed",
  },
};

const rows = Object.entries(TABLE) as [LineState["state"], Record<LineEvent["type"], Cell>][];

describe.each(rows)("%s", (at, row) => {
  test.each(Object.entries(row) as [LineEvent["type"], Cell][])("at %s", (type, cell) => {
    const { state, effects } = step(STATES[at], EVENTS[type], NOW, 0.5);
    const [next, ...todo] = typeof cell === "string" ? [cell] : cell;
    expect([state.state, ...effects.map((effect) => effect.type)]).toEqual([next, ...todo]);
  });
});

describe("reconnecting", () => {
  const cut = (
    state: LineState,
    fields: Partial<LineEvent & { type: "connection_lost" }> = {},
    random = 0.5,
  ) => step(state, { ...EVENTS.connection_lost, ...fields }, NOW, random).state;

  test("the server's `after` overrides the back-off, and no wake shortens it", () => {
    const closing = step(STATES.live, EVENTS.closing, NOW, 0).state;
    const waiting = cut(closing, { code: 1012, reason: "restarting" });
    expect(waiting).toMatchObject({ state: "waiting", until: NOW + 7_000, reason: "restarting", firm: true });
    expect(step(waiting, EVENTS.wake, NOW, 0).state).toBe(waiting);
    expect(step(waiting, EVENTS.timer, NOW, 0).state.state).toBe("connecting");
  });

  test("the delay in `closing` counts, also when the connection is cut before the close", () => {
    const frame = { code: 4403, reason: "forbidden", reconnect: false };
    const closing = step(STATES.live, { type: "closing", closing: frame }, NOW, 0).state;
    expect(cut(closing)).toEqual({
      state: "closed",
      code: 4403,
      reason: "forbidden",
      advice: "change",
      attempt: 0,
    });
  });

  test("the wait grows with each failure and is short again after a steady connection", () => {
    const second = (at: "connecting" | "live") => ({ ...STATES[at], attempt: 1 });
    expect(cut(second("connecting"))).toMatchObject({ until: NOW + BACKOFF_INITIAL_MS, attempt: 2 });
    expect(cut(second("live"))).toMatchObject({ until: NOW + BACKOFF_INITIAL_MS, attempt: 2 });
    expect(cut(STATES.live, { lasted: BACKOFF_RESET_AFTER_MS })).toMatchObject({
      until: NOW + BACKOFF_INITIAL_MS / 2,
      attempt: 1,
    });
  });

  test.each([...Object.keys(CLOSE_CODES).map(Number), 1014, 4450, 4300, 4999])(
    "after %d as its range says",
    (code) => {
      expect(cut(STATES.live, { code }).state).toBe(
        mayReconnect(code) || code === 4409 ? "waiting" : "closed",
      );
    },
  );

  test("W5 the client waits while the plan is full: closing another tab frees a connection", () => {
    const frame = { code: 4409, reason: "too many connections", reconnect: false };
    const closing = step(
      { ...STATES.connecting, attempt: 9 },
      { type: "closing", closing: frame },
      NOW,
      0,
    ).state;
    const { state, effects } = step(closing, { ...EVENTS.connection_lost, code: 4409 }, NOW, 0.5);
    expect(state).toEqual({
      state: "waiting",
      until: NOW + BACKOFF_EARLY_MAX_MS / 2,
      code: 4409,
      reason: "too many connections",
      fresh: false,
      firm: false,
      attempt: 10,
    });
    expect(effects).toEqual([{ type: "wait", milliseconds: BACKOFF_EARLY_MAX_MS / 2 }]);
    // Where the server names a time, it counts.
    const later = step(closing, { type: "closing", closing: { ...frame, retry_after: 2 } }, NOW, 0).state;
    expect(cut(later, { code: 4409 })).toMatchObject({ state: "waiting", until: NOW + 2_000, firm: true });
  });

  test("a replaced or removed client does not reconnect, except for an own socket that came late", () => {
    expect(cut(STATES.live, { code: 4410, reason: "replaced" })).toEqual({
      state: "closed",
      code: 4410,
      reason: "replaced",
      advice: "reconnect",
      attempt: 0,
    });
    expect(cut(STATES.live, { code: 4404, reason: "removed" })).toEqual({
      state: "closed",
      code: 4404,
      reason: "removed",
      advice: "change",
      attempt: 0,
    });
    expect(cut(STATES.live, { code: 4410, reason: "replaced", hasStray: true })).toMatchObject({
      state: "waiting",
      code: 4410,
    });
  });

  test("A2 tokens that are refused right after they were accepted are not requested in a loop", () => {
    const refused = { code: 4401, reason: "token not valid", renewable: true };
    const waiting = cut(STATES.live, refused);
    expect(waiting).toMatchObject({
      state: "waiting",
      until: NOW + BACKOFF_EARLY_MAX_MS / 2,
      fresh: true,
      attempt: 3,
    });
    expect(step(waiting, EVENTS.timer, NOW, 0).effects).toEqual([{ type: "dial", fresh: true }]);
  });

  test("01 the time of day is only shown: a wait is a duration", () => {
    const at = (now: number) => step(STATES.live, EVENTS.connection_lost, now, 0.5).effects;
    expect(at(NOW)).toEqual(at(NOW - 600_000));
  });

  test("a refused token is replaced once if possible, and then the refusal is final", () => {
    const refused = { code: 4401, reason: "token not valid", renewable: true };
    const again = step(STATES.connecting, { ...EVENTS.connection_lost, ...refused }, NOW, 0);
    expect(again.state).toMatchObject({ state: "connecting", fresh: true });
    expect(again.effects).toEqual([{ type: "dial", fresh: true }]);
    expect(cut(again.state, refused)).toMatchObject({ state: "closed", code: 4401, advice: "sign_in" });
    expect(cut(STATES.connecting, { ...refused, renewable: false }).state).toBe("closed");
    // The token of an open connection ended: that is no second refusal.
    const live = step(again.state, EVENTS.welcome, NOW, 0).state;
    expect(cut(live, { ...refused, lasted: BACKOFF_RESET_AFTER_MS })).toMatchObject({
      state: "connecting",
      fresh: true,
    });
  });

  test("a close for inactivity is idle: it can be left for good", () => {
    const asleep = cut(STATES.live, { code: 4408, reason: "inactive" });
    expect(isIdle(asleep)).toBe(true);
    expect(step(asleep, EVENTS.use, NOW, 0).state).toEqual({ state: "connecting", attempt: 0, fresh: false });
    expect(step(asleep, EVENTS.close, NOW, 0).state).toMatchObject({ state: "closed", code: 1000 });
  });

  test("a line that nothing uses any more is idle once its wait is over", () => {
    expect(step(STATES.waiting, { type: "timer", used: false }, NOW, 0)).toEqual({
      state: IDLE,
      effects: [],
    });
  });
});
