import { describe, expect, test } from "bun:test";
import type { Event, Session } from "../../../src/console/client/state.ts";
import { initialState } from "../../../src/console/client/step.ts";
import {
  connecting,
  ended,
  live,
  open,
  page,
  run,
  status,
  T0,
  types,
  waiting,
  welcome,
} from "./client-events.ts";

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

  test("signing out leaves, ends the server's session, and forgets everything that was shown", () => {
    const { state, effects } = run(open({ seq: 0 }), [live(1, "user2", "secret"), { type: "sign_out" }]);
    expect(effects).toEqual([{ type: "close" }, { type: "forget_login", revoke: true }]);
    expect(state.transcript.stored).toEqual([]);
    expect(state.usage).toBeUndefined();
  });

  test("another user does not see what the previous user had open", () => {
    const closed = run(open({ seq: 0 }), [live(1, "user2", "secret"), ended(4401)]).state;
    const away: Event[] = [{ type: "connect" }];
    const back = run(closed, [...away, { type: "signed_in", user: "user1" }, { type: "connect" }]);
    expect(back.state.transcript.stored).toHaveLength(1);
    expect(back.effects).toContainEqual({ type: "open", conversation: "lobby", resume: true });
    expect(run(closed, [...away, { type: "signed_in", user: "eve" }]).state.transcript.stored).toEqual([]);
  });
});

describe("requests for history", () => {
  test("MX7 a first visit requests nothing: the newest messages come with the conversation", () => {
    const first = run(connecting(), [welcome({ seq: 120 })]);
    expect([first.effects, first.state.loading]).toEqual([[], true]);
    const shown = run(first.state, [page(119, 120)]);
    expect([shown.effects, shown.state.loading]).toEqual([[], false]);
    expect(shown.state.transcript.stored.map(({ seq }) => seq)).toEqual([119, 120]);
    expect(run(shown.state, [welcome({ seq: 120 }, "degraded"), welcome({ seq: 120 })])).toMatchObject({
      effects: [],
      state: { loading: false },
    });
  });

  test("MX7 a page that was left before the first messages came starts over", () => {
    const left = run(connecting(), [welcome({ seq: 120 }), { type: "leave" }]).state;
    expect(run(left, [{ type: "connect" }]).effects).toEqual([
      { type: "open", conversation: "lobby", resume: false },
    ]);
  });

  test("D4 a reconnect requests nothing: the library resumes", () => {
    const cut = run(open({ seq: 0 }), [live(1, "user2", "a"), waiting()]).state;
    const back = run(cut, [welcome({ seq: 9 }, "resuming"), live(2, "user2", "b")]);
    expect(back.effects).toEqual([]);
    expect(back.state.transcript.stored.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("D4 after leaving, connecting again resumes; another conversation starts at the beginning", () => {
    const left = run(open({ seq: 0 }), [live(1, "user2", "a"), { type: "leave" }]).state;
    const again = run(left, [{ type: "connect" }]);
    expect(again.effects).toEqual([{ type: "open", conversation: "lobby", resume: true }]);
    expect(again.state.transcript.stored).toHaveLength(1);
    const other = run(left, [{ type: "choose", conversation: "other" }, { type: "connect" }]);
    expect(other.effects).toEqual([{ type: "open", conversation: "other", resume: false }]);
    expect(other.state.transcript.stored).toEqual([]);
  });

  test("a page that was never admitted has nothing to resume", () => {
    const { effects } = run(connecting(), [{ type: "leave" }, { type: "connect" }]);
    expect(effects).toContainEqual({ type: "open", conversation: "lobby", resume: false });
  });

  test("a refused request can be made again", () => {
    const refusal = { code: "internal", message: "Broken." };
    const load: Event = { type: "load_before", seq: 119, limit: 50 };
    const asked = run(connecting(), [welcome({ seq: 120 }), page(119, 120), load]).state;
    expect(run(asked, [{ type: "load_before", seq: 121, limit: 50 }]).effects).toEqual([]);
    const refused = run(asked, [{ type: "page_refused", refusal }]).state;
    expect(refused.notices).toMatchObject([{ code: "internal", severity: "error" }]);
    expect(run(refused, [{ type: "load_before", seq: 121, limit: 50 }]).effects).toHaveLength(1);
  });
});

describe("loss", () => {
  test("D5 removed messages are not offered any more", () => {
    const { transcript } = run(open({ seq: 0 }), [
      live(1, "user2", "a"),
      { type: "lost", lost: { first: 2, last: 5 }, newest: 5 },
    ]).state;
    expect(transcript.first).toBe(6);
  });

  test("D5 another epoch: old messages are set aside, the new store is read, and read marks start over", () => {
    const read = run(open({ seq: 0 }), [live(1, "user2", "a"), { type: "seen", seq: 1 }]).state;
    const { state, effects } = run(read, [{ type: "lost", lost: { epoch: "e2" }, newest: 7 }]);
    expect(state.transcript).toMatchObject({ past: [{ text: "a" }], stored: [], newest: 7 });
    expect(effects).toEqual([{ type: "load", limit: 50 }]);
    expect(run(state, [{ type: "seen", seq: 1 }]).effects).toEqual([{ type: "read", seq: 1 }]);
  });
});

describe("inactivity", () => {
  const warning = { code: "inactivity", message: "Quiet.", seconds: 30 } as const;
  const warned = run(open({ seq: 0 }), [{ type: "warning", warning, at: T0 }]).state;

  test("I2 the warning counts down to the close", () => {
    expect(warned.session).toMatchObject({ inactiveAt: T0 + 30_000 });
  });

  test("I2 staying, or writing, sends one activity frame and removes the warning", () => {
    const stayed = run(warned, [{ type: "stay" }, { type: "stay" }]);
    expect(stayed.effects).toEqual([{ type: "activity" }]);
    expect(stayed.state.session).not.toHaveProperty("inactiveAt");
    expect(run(warned, [{ type: "write", active: true }]).effects).toContainEqual({ type: "activity" });
  });

  test("I1 a message is activity, a ping is not", () => {
    const said = run(warned, [{ type: "send", id: "m", text: "x", at: T0 }]).state;
    expect(said.session).not.toHaveProperty("inactiveAt");
    expect(run(warned, [{ type: "measure" }]).state.session).toHaveProperty("inactiveAt");
  });
});

describe("the line", () => {
  test("a cut shows a banner if it lasts, until the connection is back", () => {
    expect(run(open({ seq: 0 }), [waiting(1, 400)]).state.session).not.toHaveProperty("outage");
    const cut = run(open({ seq: 0 }), [waiting(1, 3000)]).state;
    expect(cut.session).toMatchObject({
      state: "open",
      connection: { state: "waiting" },
      outage: "connection lost",
    });
    const trying = run(cut, [status({ state: "connecting", attempt: 1, fresh: false })]).state;
    expect(trying.session).toMatchObject({ outage: "connection lost" });
    expect(run(trying, [welcome({ seq: 0 })]).state.session).not.toHaveProperty("outage");
  });

  test("MX7 `busy` is shown in the server's words; another refusal is not", () => {
    const refusal = { code: "busy", message: "Too much is asked for. Come back later." };
    const away = status({
      ...{ state: "waiting", attempt: 1, until: T0 + 30_000, code: 1013 },
      ...{ reason: "try again later", fresh: false, firm: true },
    });
    const complaint: Event = { type: "complaint", refusal };
    const busy = run(connecting(), [complaint, away]).state;
    expect(busy.session).toMatchObject({ state: "open", outage: "Too much is asked for" });
    const other: Event = { type: "complaint", refusal: { ...refusal, code: "invalid" } };
    expect(run(connecting(), [other, away]).state.session).toMatchObject({ outage: "try again later" });
  });

  test("while it waits, it can be made to try now; while it is connected, there is nothing to do", () => {
    expect(run(open({ seq: 0 }), [waiting(), { type: "connect" }]).effects).toEqual([{ type: "reconnect" }]);
    expect(run(open({ seq: 0 }), [{ type: "connect" }]).effects).toEqual([]);
  });

  test("4401 leads to the sign-in and forgets the token", () => {
    const refusal = { code: "token_revoked", message: "Signed out elsewhere." };
    const closed = run(connecting(), [{ type: "complaint", refusal }, ended(4401)]);
    expect(closed.state.session).toMatchObject({
      closeInfo: { remedy: "sign_in", detail: "Signed out elsewhere." },
    });
    expect(closed.state.notices).toEqual([]);
    expect(closed.effects).toEqual([{ type: "forget_login", revoke: false }]);
    const { state, effects } = run(closed.state, [{ type: "connect" }]);
    expect(state.session).toMatchObject({
      state: "signed_out",
      problem: expect.stringContaining("Sign in again"),
    });
    expect(effects).not.toContainEqual(expect.objectContaining({ type: "open" }));
  });

  test("an earlier refusal is not shown as the reason of the close", () => {
    const refusal = { code: "invalid", message: "Bad." };
    const { session } = run(open({ seq: 0 }), [{ type: "complaint", refusal }, ended(4408)]).state;
    expect(session).not.toHaveProperty("closeInfo.detail");
    expect(session).toMatchObject({ closeInfo: { code: 4408, remedy: "reconnect" } });
  });

  test("a closed conversation opens again; another one, chosen meanwhile, is opened instead", () => {
    const closed = run(open({ seq: 0 }), [ended(4408)]).state;
    expect(run(closed, [{ type: "connect" }]).effects).toEqual([{ type: "reconnect" }]);
    const other = run(closed, [{ type: "choose", conversation: "other" }, { type: "connect" }]);
    expect(other.effects).toEqual([
      { type: "close" },
      { type: "open", conversation: "other", resume: false },
    ]);
  });
});

describe("others", () => {
  test("typing is shown until it stops, the user leaves, or the connection is lost; it may start again", () => {
    const typing = run(open({ seq: 0 }), [types("user2", true), types("user2", true)]).state;
    expect(typing.session).toMatchObject({ typing: ["user2"] });
    const { present } = typing.session as Extract<Session, { state: "open" }>;
    const ends: Event[] = [types("user2", false), { type: "present", present }, waiting()];
    expect(run(typing, [live(1, "user2", "hi")]).state.session).toMatchObject({ typing: ["user2"] });
    for (const end of ends) expect(run(typing, [end]).state.session).toMatchObject({ typing: [] });
  });

  test("one's own other tab does not count as another user who types", () => {
    expect(run(open({ seq: 0 }), [types("user1", true)]).state.session).toMatchObject({ typing: [] });
  });

  test("a read mark is sent once, and only forward", () => {
    const { effects } = run(open({ seq: 9 }), [
      { type: "seen", seq: 9 },
      { type: "seen", seq: 9 },
      { type: "seen", seq: 4 },
    ]);
    expect(effects).toEqual([{ type: "read", seq: 9 }]);
  });
});

test("a conversation chosen in the address while connected leaves and connects", () => {
  const { effects } = run(open({ seq: 0 }), [{ type: "choose", conversation: "other" }]);
  expect(effects).toEqual([{ type: "close" }, { type: "open", conversation: "other", resume: false }]);
});
