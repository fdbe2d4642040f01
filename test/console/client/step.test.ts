import { describe, expect, test } from "bun:test";
import type { Effect, Event, LineEvent, Session, State } from "../../../src/console/client/state.ts";
import { initialState, step } from "../../../src/console/client/step.ts";

const T0 = 1_795_437_965_000;

/** The state after these events, and the effects of all. */
function run(
  state: State,
  events: readonly Event[],
): { readonly state: State; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

const WELCOME = {
  type: "welcome",
  connection: "k1",
  user: "user1",
  plan: "free",
  quota: null,
  limits: {
    ...{ conversations: 64, connections: 5, frame_bytes: 65_536 },
    ...{ stream_bytes: 262_144, streams: 8, edit_seconds: 0 },
  },
  inactivity: { timeout: 300, warning: 30 },
  at: T0,
} as const;

type StatusEvent = LineEvent & { readonly type: "status" };

const live = (): StatusEvent => ({ type: "status", status: { state: "live" }, welcome: WELCOME, at: T0 });
const waiting = (milliseconds: number, code = 1006, reason = "connection lost"): StatusEvent => ({
  type: "status",
  status: { state: "waiting", until: T0 + milliseconds, code, reason },
  welcome: WELCOME,
  at: T0,
});
const connecting = (): StatusEvent => ({
  type: "status",
  status: { state: "connecting" },
  welcome: undefined,
  at: T0,
});
const ended = (code: number, advice: "reconnect" | "sign_in" = "reconnect"): StatusEvent => ({
  type: "status",
  status: { state: "closed", code, reason: "", advice },
  welcome: WELCOME,
  at: T0,
});
const signedIn = (conversation = "lobby") =>
  run(initialState(conversation), [{ type: "sign_in_began" }, { type: "signed_in", user: "user1" }]).state;
const open = () => run(signedIn(), [live()]).state;
const warning = (code: string, seconds?: number): Event => ({
  type: "warning",
  warning: { code, message: "Careful with `this`.", ...(seconds !== undefined && { seconds }) } as never,
  at: T0,
});

describe("signing in", () => {
  test("a refused sign-in stays at the sign-in form with the reason", () => {
    const { state } = run(initialState("lobby"), [
      { type: "sign_in_began" },
      { type: "sign_in_refused", problem: "Wrong user name or password." },
    ]);
    expect(state.session).toEqual({
      state: "signed_out",
      busy: false,
      problem: "Wrong user name or password.",
    });
  });

  test("a user who signs in is connected, and the conversation of the address is shown", () => {
    const { state, effects } = run(initialState("lobby"), [{ type: "signed_in", user: "user1" }]);
    expect(state.session).toMatchObject({
      state: "open",
      user: "user1",
      connection: { state: "connecting" },
    });
    expect(effects).toEqual([{ type: "enter", conversation: "lobby" }]);
  });

  test("signing out ends the server's session and forgets everything that was shown", () => {
    const { state, effects } = run(open(), [
      { type: "quota", quota: { limit: 5, remaining: 1, reset: 60 }, at: T0 },
      { type: "sign_out" },
    ]);
    expect(effects).toEqual([{ type: "close" }, { type: "forget" }, { type: "forget_login", revoke: true }]);
    expect(state).toEqual(initialState("lobby"));
  });

  test("A2 a session that ended is signed in again, and what was shown is not forgotten", () => {
    const closed = run(open(), [ended(4401, "sign_in")]);
    expect(closed.effects).toEqual([{ type: "forget_login", revoke: false }]);
    const again = run(closed.state, [{ type: "connect" }]);
    expect(again.state.session).toMatchObject({
      state: "signed_out",
      problem: expect.stringContaining("Sign in again"),
    });
    expect(again.effects).toEqual([{ type: "close" }, { type: "forget_login", revoke: false }]);
  });
});

describe("conversations", () => {
  test("a chosen conversation is entered once, and none is entered for an empty name", () => {
    const { effects, state } = run(open(), [
      { type: "choose", conversation: "other" },
      { type: "choose", conversation: "other" },
      { type: "choose", conversation: "" },
    ]);
    expect(effects).toEqual([
      { type: "enter", conversation: "other" },
      { type: "enter", conversation: "" },
    ]);
    expect(state.conversation).toBe("");
  });
});

describe("the connection", () => {
  test("a short interruption shows nothing; one that lasts, or comes twice, is explained", () => {
    expect(outage(run(open(), [waiting(500)]).state)).toBeUndefined();
    expect(outage(run(open(), [waiting(2000)]).state)).toBe("connection lost");
    const twice = run(open(), [waiting(500), connecting(), waiting(500), connecting()]);
    expect(outage(twice.state)).toBe("connection lost");
    expect(outage(run(twice.state, [live()]).state)).toBeUndefined();
  });

  test("the server's own words about a refused attempt are preferred", () => {
    const refusal = { code: "unavailable", message: "The server is full. Try later." };
    const { state } = run(signedIn(), [{ type: "complaint", refusal }, waiting(5000, 1013, "busy")]);
    expect(outage(state)).toBe("The server is full");
  });

  test("F3 a close is explained, and connecting again is offered", () => {
    const { state } = run(open(), [ended(4408)]);
    expect(state.session).toMatchObject({ state: "closed", closeInfo: { code: 4408, remedy: "reconnect" } });
    const again = run(state, [{ type: "connect" }]);
    expect(again.effects).toEqual([{ type: "reconnect" }]);
    expect(again.state.session).toMatchObject({ state: "open", connection: { state: "connecting" } });
  });

  test("disconnecting closes the line, and what the closed line says changes nothing", () => {
    const { state, effects } = run(open(), [{ type: "disconnect" }, ended(1000)]);
    expect([state.session, effects]).toEqual([{ state: "signed_in", user: "user1" }, [{ type: "close" }]]);
    expect(run(state, [{ type: "connect" }]).effects).toEqual([{ type: "reconnect" }]);
  });

  test("I2 a warning of inactivity counts down, and any activity answers it once", () => {
    const warned = run(open(), [warning("inactivity", 30)]).state;
    expect(warned.session).toMatchObject({ inactiveAt: T0 + 30_000 });
    for (const type of ["stay", "active"] as const) {
      const { state, effects } = run(warned, [{ type }, { type }]);
      expect(effects).toEqual([{ type: "activity" }]);
      expect(state.session).not.toHaveProperty("inactiveAt");
    }
    expect(run(open(), [{ type: "active" }]).effects).toEqual([]);
  });

  test("Q3 at the limit the wait is shown, and the warning before it goes", () => {
    const low = run(open(), [warning("quota_low")]).state;
    expect(low.notices).toEqual([{ code: "quota_low", severity: "warning", text: "Careful with this." }]);
    const { state } = run(low, [
      { type: "quota", quota: { limit: 3, remaining: 0, reset: 3600, retry_after: 60 }, at: T0 },
    ]);
    expect(state).toMatchObject({
      usage: { limit: 3, remaining: 0, fullAt: T0 + 3_600_000 },
      limitedUntil: T0 + 60_000,
      notices: [],
    });
  });

  test("a round trip is measured once at a time", () => {
    const first = run(open(), [{ type: "measure" }, { type: "measure" }]);
    expect(first.effects).toEqual([{ type: "measure" }]);
    expect(run(first.state, [{ type: "measured", roundTrip: 7 }]).state.session).toMatchObject({
      measuring: false,
      roundTrip: 7,
    });
  });

  test("notices are one for each code, and can be dismissed", () => {
    const refusal = { code: "malformed", message: "The frame is not JSON." };
    const { state } = run(open(), [
      { type: "complaint", refusal },
      { type: "complaint", refusal },
    ]);
    expect(state.notices).toHaveLength(1);
    expect(run(state, [{ type: "dismiss", code: "malformed" }]).state.notices).toEqual([]);
  });
});

describe("every state handles every kind of event", () => {
  // A new state, or a new event, does not compile until its cells are decided here.
  type Type = Event["type"];
  const row = (
    stays: Session["state"],
    moves: Partial<Record<Type, Session["state"]>>,
  ): Record<Type, Session["state"]> => ({
    sign_in_began: stays,
    signed_in: stays,
    sign_in_refused: stays,
    sign_out: "signed_out",
    choose: stays,
    connect: stays,
    disconnect: stays,
    active: stays,
    stay: stays,
    measure: stays,
    dismiss: stays,
    status: stays,
    quota: stays,
    warning: stays,
    complaint: stays,
    measured: stays,
    ...moves,
  });
  const table: Record<Session["state"], Record<Type, Session["state"]>> = {
    signed_out: row("signed_out", { signed_in: "open" }),
    signed_in: row("signed_in", { connect: "open" }),
    open: row("open", { status: "closed", disconnect: "signed_in" }),
    closed: row("closed", { connect: "open", disconnect: "signed_in" }),
  };
  const events: { readonly [T in Type]: Extract<Event, { type: T }> } = {
    sign_in_began: { type: "sign_in_began" },
    signed_in: { type: "signed_in", user: "user1" },
    sign_in_refused: { type: "sign_in_refused", problem: "No." },
    sign_out: { type: "sign_out" },
    choose: { type: "choose", conversation: "lobby" },
    connect: { type: "connect" },
    disconnect: { type: "disconnect" },
    active: { type: "active" },
    stay: { type: "stay" },
    measure: { type: "measure" },
    dismiss: { type: "dismiss", code: "invalid" },
    status: ended(4408),
    quota: { type: "quota", quota: null, at: T0 },
    warning: warning("flooding") as Extract<Event, { type: "warning" }>,
    complaint: { type: "complaint", refusal: { code: "invalid", message: "Bad." } },
    measured: { type: "measured", roundTrip: 3 },
  };
  const states: Record<Session["state"], State> = {
    signed_out: initialState("lobby"),
    signed_in: run(open(), [{ type: "disconnect" }]).state,
    open: open(),
    closed: run(open(), [ended(4408)]).state,
  };
  for (const from of Object.keys(table) as Session["state"][]) {
    test(`from ${from}`, () => {
      for (const [type, to] of Object.entries(table[from])) {
        const { session } = step(states[from], events[type as Type]).state;
        expect(`${type} → ${session.state}`).toBe(`${type} → ${to}`);
      }
    });
  }
});

function outage({ session }: State): string | undefined {
  return session.state === "open" ? session.outage : undefined;
}
