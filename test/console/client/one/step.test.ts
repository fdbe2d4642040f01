import { describe, expect, test } from "bun:test";
import {
  BACKOFF_EARLY_MAX_MS,
  BACKOFF_INITIAL_MS,
  BACKOFF_RESET_AFTER_MS,
} from "../../../../src/client/options.ts";
import type { Effect, Event, State } from "../../../../src/console/client/one/state.ts";
import { INITIAL_STATE, isIdleClosed, step } from "../../../../src/console/client/one/step.ts";
import { CLOSE_CODES, mayReconnect } from "../../../../src/protocol/close-codes.ts";

const NOW = 1_000_000;

/** One of each state. */
const STATES: { [S in State["state"]]: State & { state: S } } = {
  connecting: { state: "connecting", attempt: 2, fresh: false },
  resuming: { state: "resuming", attempt: 2, since: NOW - 1 },
  live: { state: "live", attempt: 2, since: NOW - 1 },
  degraded: { state: "degraded", attempt: 2, since: NOW - 1, reason: "the store is away" },
  waiting: {
    state: "waiting",
    attempt: 2,
    until: NOW + 1,
    code: 1006,
    reason: "connection lost",
    fresh: false,
    firm: false,
  },
  closed: { state: "closed", code: 4403, reason: "forbidden", advice: "change" },
};

/** One of each event; `connection_lost` is a cut connection. */
const EVENTS: { [E in Event["type"]]: Event & { type: E } } = {
  open: { type: "open" },
  reconnect: { type: "reconnect" },
  close: { type: "close" },
  welcome: { type: "welcome", behind: true },
  progress: { type: "progress", behind: false },
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
  timer: { type: "timer" },
  wake: { type: "wake" },
  offline: { type: "offline" },
};

type Cell = State["state"] | readonly [State["state"], ...Effect["type"][]];

const lost: Cell = ["waiting", "wait"];
const left: Cell = ["closed", "close"];
const dialled: Cell = ["connecting", "dial"];
const redialled: Cell = ["connecting", "close", "dial"];

/** The next state for each state and event, and the effects. A state or an event without its cells does not compile. */
const TABLE: Record<State["state"], Record<Event["type"], Cell>> = {
  connecting: {
    open: "connecting",
    reconnect: redialled,
    close: left,
    welcome: "resuming",
    progress: "connecting",
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
  resuming: {
    open: "resuming",
    reconnect: redialled,
    close: left,
    welcome: "resuming",
    progress: "live",
    degraded: "degraded",
    recovered: "resuming",
    closing: "resuming",
    connection_lost: lost,
    token_failed: "resuming",
    token_missing: "resuming",
    timer: "resuming",
    wake: ["resuming", "probe"],
    offline: ["resuming", "probe"],
  },
  live: {
    open: "live",
    reconnect: redialled,
    close: left,
    welcome: "live",
    progress: "live",
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
    open: "degraded",
    reconnect: redialled,
    close: left,
    welcome: "degraded",
    progress: "degraded",
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
    open: dialled,
    reconnect: redialled,
    close: left,
    welcome: "waiting",
    progress: "waiting",
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
    open: dialled,
    reconnect: redialled,
    close: "closed",
    welcome: "closed",
    progress: "closed",
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

const rows = Object.entries(TABLE) as [State["state"], Record<Event["type"], Cell>][];

describe.each(rows)("%s", (at, row) => {
  test.each(Object.entries(row) as [Event["type"], Cell][])("at %s", (type, cell) => {
    const { state, effects } = step(STATES[at], EVENTS[type], NOW, 0.5);
    const [next, ...todo] = typeof cell === "string" ? [cell] : cell;
    expect([state.state, ...effects.map((effect) => effect.type)]).toEqual([next, ...todo]);
  });
});

describe("reconnecting", () => {
  const cut = (state: State, fields: Partial<Event & { type: "connection_lost" }> = {}, random = 0.5) =>
    step(state, { ...EVENTS.connection_lost, ...fields }, NOW, random).state;

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
    expect(cut(closing)).toEqual({ state: "closed", code: 4403, reason: "forbidden", advice: "change" });
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
    });
    expect(cut(STATES.live, { code: 4404, reason: "removed" })).toEqual({
      state: "closed",
      code: 4404,
      reason: "removed",
      advice: "change",
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
    expect(isIdleClosed(asleep)).toBe(true);
    expect(step(asleep, EVENTS.open, NOW, 0).state).toEqual({ ...INITIAL_STATE });
    expect(step(asleep, EVENTS.close, NOW, 0).state).toMatchObject({ state: "closed", code: 1000 });
  });

  test("a welcome without missed messages is live at once", () => {
    const { state } = step(STATES.connecting, { type: "welcome", behind: false }, NOW, 0);
    expect(state).toEqual({ state: "live", attempt: 2, since: NOW });
  });
});
