import { describe, expect, test } from "bun:test";
import type { State as LineState } from "../../src/client/connect.ts";
import type { Effect, Event, Line, Session, State } from "../../src/console/state.ts";
import { initialState, step } from "../../src/console/step.ts";
import type { Member, Message } from "../../src/protocol/server-frames.ts";

const T0 = 1_800_000_000_000;

describe("signing in", () => {
  test("a refused sign-in stays at the door and says why", () => {
    const { state } = run(initialState("lobby"), [
      { type: "sign_in_began" },
      { type: "sign_in_refused", problem: "Wrong user name or password." },
    ]);
    expect(state.session).toEqual({ at: "signed_out", busy: false, problem: "Wrong user name or password." });
  });

  test("signing out leaves, has the server forget the sign-in, and forgets everything that was shown", () => {
    const { state, effects } = run(open({ seq: 0 }), [live(1, "user2", "secret"), { type: "sign_out" }]);
    expect(effects).toEqual([{ do: "close" }, { do: "forget_login", tell: true }]);
    expect(state.transcript.stored).toEqual([]);
    expect(state.allowance).toBeUndefined();
  });

  test("another user does not see what the one before had open", () => {
    const closed = run(open({ seq: 0 }), [live(1, "user2", "secret"), ended(4401)]).state;
    const away: Event[] = [{ type: "connect" }];
    const back = run(closed, [...away, { type: "signed_in", user: "user1" }, { type: "connect" }]);
    expect(back.state.transcript.stored).toHaveLength(1);
    expect(back.effects).toContainEqual({ do: "open", conversation: "lobby", goOn: true });
    expect(run(closed, [...away, { type: "signed_in", user: "eve" }]).state.transcript.stored).toEqual([]);
  });
});

describe("what is asked of history", () => {
  test("an empty conversation costs nothing", () => {
    expect(run(connecting(), [welcome({ seq: 0 })]).effects).toEqual([]);
  });

  test("a first visit asks once for the latest 50", () => {
    const first = run(connecting(), [welcome({ seq: 120 })]);
    expect(first.effects).toEqual([{ do: "load", limit: 50 }]);
    expect(run(first.state, [welcome({ seq: 120 }, "degraded"), welcome({ seq: 120 })]).effects).toEqual([]);
  });

  test("D4 a line that comes back asks for nothing: the library goes on where it was", () => {
    const cut = run(open({ seq: 0 }), [live(1, "user2", "a"), waiting()]).state;
    const back = run(cut, [welcome({ seq: 9 }, "resuming"), live(2, "user2", "b")]);
    expect(back.effects).toEqual([]);
    expect(back.state.transcript.stored.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("D4 who leaves and connects again goes on where the page left; in another conversation it begins", () => {
    const left = run(open({ seq: 0 }), [live(1, "user2", "a"), { type: "leave" }]).state;
    const again = run(left, [{ type: "connect" }]);
    expect(again.effects).toEqual([{ do: "open", conversation: "lobby", goOn: true }]);
    expect(again.state.transcript.stored).toHaveLength(1);
    const other = run(left, [{ type: "choose", conversation: "other" }, { type: "connect" }]);
    expect(other.effects).toEqual([{ do: "open", conversation: "other", goOn: false }]);
    expect(other.state.transcript.stored).toEqual([]);
  });

  test("a page that was never let in has nothing to go on from", () => {
    const { effects } = run(connecting(), [{ type: "leave" }, { type: "connect" }]);
    expect(effects).toContainEqual({ do: "open", conversation: "lobby", goOn: false });
  });

  test("a refused request can be made again", () => {
    const refusal = { code: "internal", message: "Broken." };
    const asked = run(connecting(), [welcome({ seq: 120 })]).state;
    expect(run(asked, [{ type: "load_before", seq: 121, limit: 50 }]).effects).toEqual([]);
    const refused = run(asked, [{ type: "page_refused", refusal }]).state;
    expect(refused.notices).toMatchObject([{ code: "internal", tone: "error" }]);
    expect(run(refused, [{ type: "load_before", seq: 121, limit: 50 }]).effects).toHaveLength(1);
  });
});

describe("loss", () => {
  test("D5 what is no longer kept is not offered any more", () => {
    const { transcript } = run(open({ seq: 0 }), [
      live(1, "user2", "a"),
      { type: "lost", lost: { first: 2, last: 5 }, newest: 5 },
    ]).state;
    expect(transcript.first).toBe(6);
  });

  test("D5 another epoch: old messages are put aside, the new store is read, and reading begins anew", () => {
    const read = run(open({ seq: 0 }), [live(1, "user2", "a"), { type: "seen", seq: 1 }]).state;
    const { state, effects } = run(read, [{ type: "lost", lost: { epoch: "e2" }, newest: 7 }]);
    expect(state.transcript).toMatchObject({ past: [{ text: "a" }], stored: [], newest: 7 });
    expect(effects).toEqual([{ do: "load", limit: 50 }]);
    expect(run(state, [{ type: "seen", seq: 1 }]).effects).toEqual([{ do: "read", seq: 1 }]);
  });
});

describe("own messages", () => {
  const said = run(open({ seq: 0 }), [{ type: "say", id: "m1", text: "hi", at: T0 }]);

  test("D2 a message is pending until the server has confirmed it", () => {
    expect(said.effects).toEqual([
      { do: "typing", active: false },
      { do: "send", id: "m1", text: "hi" },
    ]);
    expect(said.state.transcript.outbox).toMatchObject([{ kind: "pending", id: "m1" }]);
    const { transcript } = run(said.state, [ack("m1", 1)]).state;
    expect(transcript.outbox).toEqual([]);
    expect(transcript.stored).toMatchObject([{ seq: 1, text: "hi", from: "user1" }]);
  });

  test("D3 message and ack of the same text make one row, in either order", () => {
    for (const events of [
      [live(1, "user1", "hi", "m1"), ack("m1", 1)],
      [ack("m1", 1), live(1, "user1", "hi", "m1")],
    ]) {
      const { transcript } = run(said.state, events).state;
      expect(transcript.outbox).toEqual([]);
      expect(transcript.stored).toHaveLength(1);
    }
  });

  test("somebody else's message with the same id does not confirm ours", () => {
    const { transcript } = run(said.state, [live(1, "user2", "other", "m1")]).state;
    expect(transcript.outbox).toMatchObject([{ id: "m1", kind: "pending" }]);
  });

  test("a refused one says why, and goes again under the same id", () => {
    const refusal = { code: "too_large", message: "Too long." };
    const refused = run(said.state, [{ type: "refused", id: "m1", refusal }]).state;
    expect(refused.transcript.outbox).toMatchObject([
      { kind: "failed", problem: expect.stringContaining("Too long.") },
    ]);
    const again = run(refused, [{ type: "say_again", id: "m1", at: T0 }]);
    expect(again.effects).toContainEqual({ do: "send", id: "m1", text: "hi" });
    expect(again.state.transcript.outbox).toMatchObject([{ kind: "pending", id: "m1" }]);
  });

  test("Q4 over quota it stays pending and the time is told; the next ack ends that", () => {
    const limited = run(said.state, [quota({ remaining: 0, retry_after: 12.5 })]).state;
    expect(limited.limitedUntil).toBe(T0 + 12_500);
    expect(limited.transcript.outbox).toMatchObject([{ kind: "pending" }]);
    expect(run(limited, [quota({ remaining: 1 })]).state.limitedUntil).toBeUndefined();
  });

  test("D3 what is written or waits while the line is cut stays pending", () => {
    const cut = run(said.state, [waiting(), { type: "say", id: "m2", text: "ho", at: T0 }]);
    expect(cut.state.transcript.outbox).toMatchObject([
      { id: "m1", kind: "pending" },
      { id: "m2", kind: "pending" },
    ]);
    expect(cut.effects).toContainEqual({ do: "send", id: "m2", text: "ho" });
  });

  test("a waiting one can be taken back; if it had arrived after all, it is shown as stored", () => {
    const back = run(said.state, [{ type: "take_back", id: "m1" }]);
    expect(back.effects).toEqual([{ do: "take_back", id: "m1" }]);
    expect(back.state.transcript.outbox).toMatchObject([{ kind: "failed" }]);
    expect(run(back.state, [live(1, "user1", "hi", "m1")]).state.transcript.outbox).toEqual([]);
  });

  test("an end for good gives up what waits; an end for inactivity does not, as the library keeps it", () => {
    expect(run(said.state, [ended(4403)]).state.transcript.outbox).toMatchObject([{ kind: "failed" }]);
    expect(run(said.state, [ended(4408)]).state.transcript.outbox).toMatchObject([{ kind: "pending" }]);
  });
});

describe("inactivity", () => {
  const warning = { code: "inactivity", message: "Quiet.", seconds: 30 } as const;
  const warned = run(open({ seq: 0 }), [{ type: "warning", warning, at: T0 }]).state;

  test("I2 the warning counts down to the close", () => {
    expect(warned.session).toMatchObject({ inactiveAt: T0 + 30_000 });
  });

  test("I2 staying, or writing, sends one activity frame and takes the warning away", () => {
    const stayed = run(warned, [{ type: "stay" }, { type: "stay" }]);
    expect(stayed.effects).toEqual([{ do: "activity" }]);
    expect(stayed.state.session).not.toHaveProperty("inactiveAt");
    expect(run(warned, [{ type: "write", active: true }]).effects).toContainEqual({ do: "activity" });
  });

  test("I1 a message is activity, a ping is not", () => {
    const said = run(warned, [{ type: "say", id: "m", text: "x", at: T0 }]).state;
    expect(said.session).not.toHaveProperty("inactiveAt");
    expect(run(warned, [{ type: "measure" }]).state.session).toHaveProperty("inactiveAt");
  });
});

describe("the line", () => {
  test("a cut is worth a banner when it lasts, until the line is back", () => {
    expect(run(open({ seq: 0 }), [waiting(1, 400)]).state.session).not.toHaveProperty("cut");
    const cut = run(open({ seq: 0 }), [waiting(1, 3000)]).state;
    expect(cut.session).toMatchObject({ at: "open", line: { at: "waiting" }, cut: "connection lost" });
    const trying = run(cut, [status({ at: "connecting", attempt: 1, fresh: false })]).state;
    expect(trying.session).toMatchObject({ cut: "connection lost" });
    expect(run(trying, [welcome({ seq: 0 })]).state.session).not.toHaveProperty("cut");
  });

  test("while it waits, it can be told to try now; while it is connected, there is nothing to do", () => {
    expect(run(open({ seq: 0 }), [waiting(), { type: "connect" }]).effects).toEqual([{ do: "reconnect" }]);
    expect(run(open({ seq: 0 }), [{ type: "connect" }]).effects).toEqual([]);
  });

  test("4401 leads to the sign-in and forgets the token", () => {
    const refusal = { code: "token_revoked", message: "Signed out elsewhere." };
    const closed = run(connecting(), [{ type: "complaint", refusal }, ended(4401)]);
    expect(closed.state.session).toMatchObject({
      ending: { remedy: "sign_in", detail: "Signed out elsewhere." },
    });
    expect(closed.state.notices).toEqual([]);
    expect(closed.effects).toEqual([{ do: "forget_login", tell: false }]);
    const { state, effects } = run(closed.state, [{ type: "connect" }]);
    expect(state.session).toMatchObject({
      at: "signed_out",
      problem: expect.stringContaining("Sign in again"),
    });
    expect(effects).not.toContainEqual(expect.objectContaining({ do: "open" }));
  });

  test("a refusal from before is not given as the reason of the end", () => {
    const refusal = { code: "invalid", message: "Bad." };
    const { session } = run(open({ seq: 0 }), [{ type: "complaint", refusal }, ended(4408)]).state;
    expect(session).not.toHaveProperty("ending.detail");
    expect(session).toMatchObject({ ending: { code: 4408, remedy: "reconnect" } });
  });

  test("what was closed opens again; another conversation, chosen meanwhile, is opened instead", () => {
    const closed = run(open({ seq: 0 }), [ended(4408)]).state;
    expect(run(closed, [{ type: "connect" }]).effects).toEqual([{ do: "reconnect" }]);
    const other = run(closed, [{ type: "choose", conversation: "other" }, { type: "connect" }]);
    expect(other.effects).toEqual([{ do: "close" }, { do: "open", conversation: "other", goOn: false }]);
  });
});

describe("others", () => {
  test("who types is shown until they stop, leave, or the line is away; a message may be followed by the next", () => {
    const typing = run(open({ seq: 0 }), [types("user2", true), types("user2", true)]).state;
    expect(typing.session).toMatchObject({ typing: ["user2"] });
    const { members } = typing.session as Extract<Session, { at: "open" }>;
    const ends: Event[] = [types("user2", false), { type: "members", members }, waiting()];
    expect(run(typing, [live(1, "user2", "hi")]).state.session).toMatchObject({ typing: ["user2"] });
    for (const end of ends) expect(run(typing, [end]).state.session).toMatchObject({ typing: [] });
  });

  test("one's own other tab does not count as somebody else who types", () => {
    expect(run(open({ seq: 0 }), [types("user1", true)]).state.session).toMatchObject({ typing: [] });
  });

  test("what is seen is told once, and only forward", () => {
    const { effects } = run(open({ seq: 9 }), [
      { type: "seen", seq: 9 },
      { type: "seen", seq: 9 },
      { type: "seen", seq: 4 },
    ]);
    expect(effects).toEqual([{ do: "read", seq: 9 }]);
  });
});

test("a conversation chosen in the address while connected leaves and connects", () => {
  const { effects } = run(open({ seq: 0 }), [{ type: "choose", conversation: "other" }]);
  expect(effects).toEqual([{ do: "close" }, { do: "open", conversation: "other", goOn: false }]);
});

describe("every state decides about every kind of event", () => {
  // A new state, or a new event, does not compile until its cells are decided here.
  type Type = Event["type"];
  const table: Record<Session["at"], Record<Type, Session["at"]>> = {
    signed_out: row("signed_out", { signed_in: "signed_in" }),
    signed_in: row("signed_in", { connect: "open" }),
    open: row("open", { status: "closed", leave: "signed_in" }),
    closed: row("closed", { connect: "open", leave: "signed_in" }),
  };
  const refusal = { code: "invalid", message: "Bad." };
  const events: { readonly [T in Type]: Extract<Event, { type: T }> } = {
    sign_in_began: { type: "sign_in_began" },
    signed_in: { type: "signed_in", user: "user1" },
    sign_in_refused: { type: "sign_in_refused", problem: "No." },
    sign_out: { type: "sign_out" },
    choose: { type: "choose", conversation: "lobby" },
    connect: { type: "connect" },
    leave: { type: "leave" },
    say: { type: "say", id: "m", text: "x", at: T0 },
    say_again: { type: "say_again", id: "m", at: T0 },
    take_back: { type: "take_back", id: "m" },
    load_before: { type: "load_before", seq: 5, limit: 50 },
    write: { type: "write", active: true },
    seen: { type: "seen", seq: 1 },
    stay: { type: "stay" },
    measure: { type: "measure" },
    dismiss: { type: "dismiss", code: "invalid" },
    status: ended(4408) as Extract<Event, { type: "status" }>,
    members: { type: "members", members: [] },
    typing: { type: "typing", user: "user2", active: true },
    message: { type: "message", message: message(1, "user2", "a") },
    lost: { type: "lost", lost: { first: 1, last: 2 }, newest: 2 },
    quota: quota({}) as Extract<Event, { type: "quota" }>,
    warning: { type: "warning", warning: { code: "flooding", message: "Slow." }, at: T0 },
    complaint: { type: "complaint", refusal },
    acked: ack("m", 1) as Extract<Event, { type: "acked" }>,
    refused: { type: "refused", id: "m", refusal },
    page: { type: "page", messages: [], more: false },
    page_refused: { type: "page_refused", refusal },
    measured: { type: "measured", roundTrip: 3 },
  };
  const states: Record<Session["at"], State> = {
    signed_out: initialState("lobby"),
    signed_in: run(initialState("lobby"), [{ type: "signed_in", user: "user1" }]).state,
    open: open({ seq: 0 }),
    closed: run(open({ seq: 0 }), [ended(4408)]).state,
  };
  for (const from of Object.keys(table) as Session["at"][]) {
    test(`from ${from}`, () => {
      for (const [type, to] of Object.entries(table[from])) {
        const { session } = step(states[from], events[type as Type]).state;
        expect(`${type} → ${session.at}`).toBe(`${type} → ${to}`);
      }
    });
  }

  function row(
    stays: Session["at"],
    moves: Partial<Record<Type, Session["at"]>>,
  ): Record<Type, Session["at"]> {
    return {
      sign_in_began: stays,
      signed_in: stays,
      sign_in_refused: stays,
      sign_out: "signed_out",
      choose: stays,
      connect: stays,
      leave: stays,
      say: stays,
      say_again: stays,
      take_back: stays,
      load_before: stays,
      write: stays,
      seen: stays,
      stay: stays,
      measure: stays,
      dismiss: stays,
      status: stays,
      members: stays,
      typing: stays,
      message: stays,
      lost: stays,
      quota: stays,
      warning: stays,
      complaint: stays,
      acked: stays,
      refused: stays,
      page: stays,
      page_refused: stays,
      measured: stays,
      ...moves,
    };
  }
});

function run(from: State, events: readonly Event[]): { state: State; effects: Effect[] } {
  let state = from;
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

function connecting(): State {
  return run(initialState("lobby"), [{ type: "signed_in", user: "user1" }, { type: "connect" }]).state;
}

function open(fields: { seq: number }): State {
  return run(connecting(), [welcome(fields)]).state;
}

function status(line: LineState, seq = 0, members: readonly Member[] = []): Event {
  return {
    type: "status",
    line,
    welcome: {
      type: "welcome",
      connection: "c1",
      conversation: "lobby",
      user: "user1",
      plan: "free",
      seq,
      epoch: "e1",
      resumed: false,
      quota: { limit: 3, remaining: 3, reset: 0 },
      inactivity: { timeout: 300, warning: 30 },
      members: [...members],
      server: { name: "parley", protocol: 1 },
    },
    members,
    at: T0,
  };
}

function welcome(
  { seq }: { seq: number },
  at: Exclude<Line["at"], "connecting" | "waiting"> = "live",
): Event {
  const line = { at, attempt: 0, since: T0, ...(at === "degraded" && { reason: "away" }) } as Line;
  return status(line, seq, [{ user: "user1", since: T0 }]);
}

function waiting(attempt = 1, wait = 3000): Event {
  return status({ at: "waiting", attempt, until: T0 + wait, reason: "connection lost", firm: false });
}

function ended(code: number): Event {
  return status({ at: "closed", code, reason: "over", advice: code === 4401 ? "sign_in" : "reconnect" });
}

function message(seq: number, from: string, text: string, id = `id-${seq}`): Message {
  return { seq, id, from, text, at: T0 + seq };
}

function live(...args: Parameters<typeof message>): Event {
  return { type: "message", message: message(...args) };
}

function ack(id: string, seq: number): Event {
  const quota = { limit: 3, remaining: 2, reset: 3600 };
  return { type: "acked", ack: { id, seq, at: T0 + seq, quota } };
}

function quota(fields: { remaining?: number; retry_after?: number }): Event {
  return { type: "quota", quota: { limit: 3, remaining: 2, reset: 3600, ...fields }, at: T0 };
}

function types(user: string, active: boolean): Event {
  return { type: "typing", user, active };
}
