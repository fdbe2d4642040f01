import { describe, expect, test } from "bun:test";
import type { Effect, Event, Session, State } from "../../src/console/state.ts";
import { initialState, step } from "../../src/console/step.ts";
import type { Message, ServerFrame, ServerFrameOf } from "../../src/protocol/server-frames.ts";

const T0 = 1_800_000_000_000;

describe("signing in", () => {
  test("a refused sign-in stays at the door and says why", () => {
    const { state } = run(initialState("lobby"), [
      { type: "sign_in_began" },
      { type: "sign_in_refused", problem: "Wrong user name or password." },
    ]);
    expect(state.session).toEqual({ at: "signed_out", busy: false, problem: "Wrong user name or password." });
  });

  test("signing out closes the line, forgets the token and everything that was shown", () => {
    const { state, effects } = run(open({ seq: 0 }), [live(1, "user2", "secret"), { type: "sign_out" }]);
    expect(effects).toEqual([{ do: "close" }, { do: "forget_token" }]);
    expect(state.transcript.stored).toEqual([]);
    expect(state.allowance).toBeUndefined();
  });

  test("another user does not see what the one before had open", () => {
    const closed = run(open({ seq: 0 }), [live(1, "user2", "secret"), gone(4401)]).state;
    const away: Event[] = [{ type: "connect" }];
    expect(run(closed, [...away, { type: "signed_in", user: "user1" }]).state.transcript.stored).toHaveLength(
      1,
    );
    expect(run(closed, [...away, { type: "signed_in", user: "eve" }]).state.transcript.stored).toEqual([]);
  });
});

describe("what is asked of history on connecting", () => {
  test("an empty conversation costs nothing", () => {
    expect(run(connecting(), [welcome({ seq: 0 })]).effects).toEqual([]);
  });

  test("a first visit asks once for the latest 50", () => {
    const { effects } = run(connecting(), [welcome({ seq: 120 })]);
    expect(effects).toEqual([
      { do: "send", frame: { type: "history", before: 121, limit: 50, id: "latest" } },
    ]);
  });

  test("D4 a reconnect asks for what was missed, and for nothing where nothing was", () => {
    const cut = run(open({ seq: 0 }), [live(1, "user2", "a"), gone(1006), { type: "connect" }]).state;
    expect(run(cut, [welcome({ seq: 1 })]).effects).toEqual([]);
    expect(run(cut, [welcome({ seq: 9 })]).effects).toEqual([
      { do: "send", frame: { type: "history", after: 1, limit: 200, id: "after-1" } },
    ]);
  });

  test("a gap wider than one answer starts over at the end", () => {
    const cut = run(open({ seq: 0 }), [live(1, "user2", "a"), gone(1006), { type: "connect" }]).state;
    const { state, effects } = run(cut, [welcome({ seq: 500 })]);
    expect(state.transcript.stored).toEqual([]);
    expect(effects).toEqual([
      { do: "send", frame: { type: "history", before: 501, limit: 50, id: "latest" } },
    ]);
  });

  test("D5 another epoch empties the page: its numbers mean other messages", () => {
    const cut = run(open({ seq: 0 }), [live(1, "user2", "a"), gone(1006), { type: "connect" }]).state;
    expect(run(cut, [welcome({ seq: 0, epoch: "e2" })]).state.transcript.stored).toEqual([]);
  });

  test("a refused history request can be made again", () => {
    const waiting = run(connecting(), [welcome({ seq: 120 })]).state;
    const refused = run(waiting, [error({ code: "rate_limited", message: "Full.", id: "latest" })]).state;
    expect(refused.loading).toBeUndefined();
    const again = run(refused, [{ type: "load_before", seq: 121, limit: 50 }]);
    expect(again.effects).toHaveLength(1);
  });
});

describe("own messages", () => {
  const said = run(open({ seq: 0 }), [{ type: "say", id: "m1", text: "hi", at: T0 }]);

  test("D2 a message is pending until the server has confirmed it", () => {
    expect(said.effects).toEqual([{ do: "send", frame: { type: "message", id: "m1", text: "hi" } }]);
    expect(said.state.transcript.outbox).toMatchObject([{ kind: "pending", id: "m1" }]);
    const { transcript } = run(said.state, [ack("m1", 1)]).state;
    expect(transcript.outbox).toEqual([]);
    expect(transcript.stored).toMatchObject([{ kind: "stored", seq: 1, text: "hi", from: "user1" }]);
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

  test("Q4 a refused one says why, and goes again under the same id", () => {
    const refused = run(said.state, [
      error({ code: "rate_limited", message: "All 3 are used.", id: "m1", retry_after: 12.5 }),
    ]).state;
    expect(refused.transcript.outbox).toMatchObject([{ kind: "failed", problem: "All 3 are used." }]);
    expect(refused.limitedUntil).toBe(T0 + 12_500);
    expect(refused.session.at).toBe("open");
    const again = run(refused, [{ type: "say_again", id: "m1", at: T0 }]);
    expect(again.effects).toEqual([{ do: "send", frame: { type: "message", id: "m1", text: "hi" } }]);
    expect(run(again.state, [ack("m1", 4)]).state.limitedUntil).toBeUndefined();
  });

  test("D3 what waits when the line is cut may be sent again, and history settles what had arrived", () => {
    const cut = run(said.state, [gone(1006)]).state;
    expect(cut.transcript.outbox).toMatchObject([{ kind: "failed", id: "m1" }]);
    const back = run(cut, [
      { type: "connect" },
      welcome({ seq: 1 }),
      history([message(1, "user1", "hi", "m1")]),
    ]);
    expect(back.state.transcript.outbox).toEqual([]);
    expect(back.state.transcript.stored).toHaveLength(1);
  });
});

describe("inactivity", () => {
  const warned = run(open({ seq: 0 }), [
    frame({ type: "warning", code: "inactivity", message: "Quiet.", seconds: 30 }),
  ]).state;

  test("I2 the warning counts down to the close", () => {
    expect(warned.session).toMatchObject({ inactiveAt: T0 + 30_000 });
  });

  test("I2 staying sends one activity frame and takes the warning away", () => {
    const stayed = run(warned, [{ type: "stay" }, { type: "stay" }]);
    expect(stayed.effects).toEqual([{ do: "send", frame: { type: "activity" } }]);
    expect(stayed.state.session).not.toHaveProperty("inactiveAt");
  });

  test("I1 a message is activity, a ping is not", () => {
    const said = run(warned, [{ type: "say", id: "m", text: "x", at: T0 }]).state;
    expect(said.session).not.toHaveProperty("inactiveAt");
    expect(run(warned, [{ type: "ping", at: T0 }]).state.session).toHaveProperty("inactiveAt");
  });
});

describe("the end of the line", () => {
  test("the closing frame explains a close whose code was lost on the way", () => {
    const { session } = run(open({ seq: 0 }), [
      frame({ type: "closing", code: 1012, reason: "restarting", reconnect: true, after: 2.5 }),
      gone(1006),
    ]).state;
    expect(session).toMatchObject({
      at: "closed",
      ending: { code: 1012, comeBackAt: T0 + 2500, remedy: "reconnect" },
    });
  });

  test("4401 leads to the sign-in and forgets the token", () => {
    const closed = run(connecting(), [error({ code: "token_expired", message: "Too old." }), gone(4401)]);
    expect(closed.state.session).toMatchObject({ ending: { remedy: "sign_in", detail: "Too old." } });
    expect(closed.effects).toEqual([{ do: "forget_token" }]);
    const { state, effects } = run(closed.state, [{ type: "connect" }]);
    expect(state.session).toMatchObject({
      at: "signed_out",
      problem: expect.stringContaining("Sign in again"),
    });
    expect(effects).not.toContainEqual(expect.objectContaining({ do: "open" }));
  });

  test("an error from before is not given as the reason", () => {
    const { session } = run(open({ seq: 0 }), [
      error({ code: "invalid", message: "Bad." }),
      gone(4408),
    ]).state;
    expect(session).not.toHaveProperty("ending.detail");
    expect(session).toMatchObject({ ending: { code: 4408, reason: "inactive" } });
  });
});

test("P1 people join and leave once each", () => {
  const joined = run(open({ seq: 0 }), [presence("user2", "joined"), presence("user2", "joined")]).state;
  expect(names(joined)).toEqual(["user1", "user2"]);
  expect(names(run(joined, [presence("user2", "left")]).state)).toEqual(["user1"]);
});

test("a conversation chosen in the address while connected leaves and connects", () => {
  const { effects } = run(open({ seq: 0 }), [{ type: "choose", conversation: "other" }]);
  expect(effects).toEqual([{ do: "close" }, { do: "open", user: "user1", conversation: "other" }]);
});

test("a frame of a type from the future changes nothing", () => {
  const before = open({ seq: 0 });
  expect(run(before, [frame({ type: "sunrise" } as unknown as ServerFrame)]).state).toBe(before);
});

describe("every state decides about every kind of event", () => {
  // A new state, or a new event, does not compile until its cells are decided here.
  type Outcome = Session["at"];
  const table: Record<Session["at"], Record<Exclude<Event["type"], "frame">, Outcome>> = {
    signed_out: row("signed_out", { signed_in: "signed_in" }),
    signed_in: row("signed_in", { connect: "connecting" }),
    connecting: row("connecting", { closed: "closed", leave: "signed_in" }),
    open: row("open", { closed: "closed", leave: "signed_in" }),
    closed: row("closed", { connect: "connecting", leave: "signed_in" }),
  };
  const events: { readonly [T in Exclude<Event["type"], "frame">]: Extract<Event, { type: T }> } = {
    server_facts: { type: "server_facts", facts: { demo: [] } },
    sign_in_began: { type: "sign_in_began" },
    signed_in: { type: "signed_in", user: "user1" },
    sign_in_refused: { type: "sign_in_refused", problem: "No." },
    sign_out: { type: "sign_out" },
    choose: { type: "choose", conversation: "lobby" },
    connect: { type: "connect" },
    leave: { type: "leave" },
    say: { type: "say", id: "m", text: "x", at: T0 },
    say_again: { type: "say_again", id: "m", at: T0 },
    load_before: { type: "load_before", seq: 5, limit: 50 },
    stay: { type: "stay" },
    ping: { type: "ping", at: T0 },
    dismiss: { type: "dismiss", code: "invalid" },
    closed: { type: "closed", code: 1006, at: T0 },
  };
  const states: Record<Session["at"], State> = {
    signed_out: initialState("lobby"),
    signed_in: run(initialState("lobby"), [{ type: "signed_in", user: "user1" }]).state,
    connecting: connecting(),
    open: open({ seq: 0 }),
    closed: run(open({ seq: 0 }), [gone(4408)]).state,
  };
  for (const from of Object.keys(table) as Session["at"][]) {
    test(`from ${from}`, () => {
      for (const [type, to] of Object.entries(table[from])) {
        const { session } = step(states[from], events[type as keyof typeof events]).state;
        expect(`${type} → ${session.at}`).toBe(`${type} → ${to}`);
      }
    });
  }

  function row(
    stays: Outcome,
    moves: Partial<Record<Exclude<Event["type"], "frame">, Outcome>>,
  ): Record<Exclude<Event["type"], "frame">, Outcome> {
    return {
      server_facts: stays,
      sign_in_began: stays,
      signed_in: stays,
      sign_in_refused: stays,
      sign_out: "signed_out",
      choose: stays,
      connect: stays,
      leave: stays,
      say: stays,
      say_again: stays,
      load_before: stays,
      stay: stays,
      ping: stays,
      dismiss: stays,
      closed: stays,
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

function open(fields: Partial<ServerFrameOf<"welcome">>): State {
  return run(connecting(), [welcome(fields)]).state;
}

function frame(sent: ServerFrame): Event {
  return { type: "frame", frame: sent, at: T0 };
}

function welcome(fields: Partial<ServerFrameOf<"welcome">>): Event {
  return frame({
    type: "welcome",
    connection: "c1",
    conversation: "lobby",
    user: "user1",
    plan: "free",
    seq: 0,
    epoch: "e1",
    resumed: false,
    quota: { limit: 3, remaining: 3, reset: 0 },
    inactivity: { timeout: 300, warning: 30 },
    members: [{ user: "user1", since: T0 }],
    server: { name: "parley", protocol: 1 },
    ...fields,
  });
}

function message(seq: number, from: string, text: string, id = `id-${seq}`): Message {
  return { seq, id, from, text, at: T0 + seq };
}

function live(...args: Parameters<typeof message>): Event {
  return frame({ type: "message", ...message(...args) });
}

function history(messages: Message[]): Event {
  return frame({ type: "history", messages, more: false, quota: { limit: 3, remaining: 2, reset: 1 } });
}

function ack(id: string, seq: number): Event {
  return frame({ type: "ack", id, seq, at: T0 + seq, quota: { limit: 3, remaining: 2, reset: 3600 } });
}

function error(fields: Omit<ServerFrameOf<"error">, "type">): Event {
  return frame({ type: "error", ...fields });
}

function presence(user: string, state: "joined" | "left"): Event {
  return frame({ type: "presence", user, state, at: T0 });
}

function gone(code: number): Event {
  return { type: "closed", code, at: T0 };
}

function names({ session }: State): string[] {
  return session.at === "open" ? session.members.map(({ user }) => user) : [];
}
