import { describe, expect, test } from "bun:test";
import { closeReason } from "../../src/core/closing.ts";
import { openSession, step } from "../../src/core/session.ts";
import type { Session, SessionEvent } from "../../src/core/session-state.ts";
import { expiryWarningAt, nextDeadline, progressTimeout } from "../../src/core/session-time.ts";
import {
  ADMITTED,
  frame,
  live,
  PASS,
  QUOTA,
  RULES,
  SessionRun,
  START,
  sent,
  summary,
} from "../support/session.ts";

/** Pings are another matter (I3). */
const QUIET_LINE = { ...RULES, pingInterval: 0 };

describe("I2 inactivity", () => {
  test("I2 the warning comes 30 s before, with the seconds left, and then the close 4408", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(nextDeadline(run.session, QUIET_LINE)).toBe(START + 270_000);
    expect(summary(run.after(269_999))).toBe("live");
    expect(sent(run.after(1).effects)).toEqual([
      expect.objectContaining({ type: "warning", code: "inactivity", seconds: 30 }),
    ]);
    expect(nextDeadline(run.session, QUIET_LINE)).toBe(START + 300_000);
    expect(summary(run.after(29_999))).toBe("live");
    expect(summary(run.after(1))).toBe("closed error closing close 4408");
    expect(run.sent().slice(-2)).toEqual([
      expect.objectContaining({ type: "error", code: "inactive" }),
      { type: "closing", code: 4408, reason: "inactive", reconnect: false },
    ]);
  });

  test("I2 it is said once", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    run.after(270_000);
    for (let i = 0; i < 10; i++) expect(summary(run.after(1_000))).toBe("live");
  });

  // A process that was stopped for some minutes, as in a paused machine, closed everybody at its first look.
  test("I2 however late the look is, the warning comes, and all of its time before the close", () => {
    for (const late of [290_500, 400_000, 86_400_000]) {
      const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
      expect(sent(run.after(late).effects)).toEqual([
        expect.objectContaining({ code: "inactivity", seconds: 30 }),
      ]);
      expect(summary(run.after(29_999))).toBe("live");
      expect(summary(run.after(1))).toBe("closed error closing close 4408");
    }
  });

  test("I2 a look that is late by a moment says what is really left", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(sent(run.after(270_500).effects)).toEqual([expect.objectContaining({ seconds: 29.5 })]);
  });

  test("I2 any activity cancels the warning, and the whole time-out begins anew", () => {
    for (const content of [
      { type: "activity" },
      { type: "message", text: "x" },
      { type: "history" },
      { type: "typing", active: true },
      { type: "read", seq: 1 },
    ]) {
      const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
      run.after(299_999);
      run.on(frame(content));
      expect(run.session).toMatchObject({ warned: false, activeAt: START + 299_999 });
      if (content.type === "message")
        run.on({
          type: "posted",
          id: "m",
          result: { outcome: "stored", seq: 1, at: START, quota: QUOTA },
        });
      if (content.type === "history")
        run.on({ type: "read", result: { outcome: "read", messages: [], more: false, quota: QUOTA } });
      expect(nextDeadline(run.session, QUIET_LINE)).toBe(START + 299_999 + 270_000);
      expect(summary(run.after(269_999))).toBe("live");
      expect(summary(run.after(1))).toBe("live warning");
    }
  });

  test("I1 what software does by itself cancels nothing: pings of both kinds, faults, token renewal", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    run.after(270_000);
    run.now += 29_999;
    run.on({ type: "control" });
    run.on(frame({ type: "ping" }));
    run.on(frame({ type: "token", token: "abc" }));
    run.on(frame("no json"));
    expect(summary(run.after(1))).toBe("closed error closing close 4408");
  });

  test("I1 who still waits for an answer, or is still being sent one, has not left", () => {
    const asked = new SessionRun(live({ waiting: 1, pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(summary(asked.after(300_000))).toBe("live");
    expect(asked.session).toMatchObject({ activeAt: START + 300_000 });
    const streaming = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(summary(streaming.after(300_000, 1))).toBe("live");
    expect(summary(streaming.after(270_000, 0))).toBe("live warning");
    expect(summary(streaming.after(30_000, 0))).toBe("closed error closing close 4408");
  });

  test("I2 INACTIVITY_TIMEOUT 0 switches it off", () => {
    const rules = { ...QUIET_LINE, inactivity: 0, inactivityWarning: 0 };
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), rules);
    expect(nextDeadline(run.session, rules)).toBe(Number.POSITIVE_INFINITY);
    expect(summary(run.after(86_400_000))).toBe("live");
  });
});

describe("I3 M4 dead peers", () => {
  const PATIENT = { ...RULES, inactivity: 0 };

  test("M4 a ping goes out every 25 s, and each that is answered is followed by the next", () => {
    const run = new SessionRun(live(), PATIENT);
    for (let i = 0; i < 4; i++) {
      expect(nextDeadline(run.session, PATIENT)).toBe(START + (i + 1) * 25_000);
      run.now = nextDeadline(run.session, PATIENT);
      expect(summary(run.on({ type: "tick", unsent: 0 }))).toBe("live ping");
      run.now += 200;
      run.on({ type: "control" });
      run.now = nextDeadline(run.session, PATIENT);
      expect(summary(run.on({ type: "tick", unsent: 0 }))).toBe("live");
    }
  });

  test("M4 pings of sockets that opened together are spread by 10 %", () => {
    const due = (spread: number) => {
      const { session } = step(openSession(true, START, RULES), ADMITTED, START, RULES, spread);
      return nextDeadline(session, RULES) - START;
    };
    expect([due(-1), due(0), due(1)]).toEqual([22_500, 25_000, 27_500]);
  });

  test("I3 RUNTIME 1 a peer that leaves a ping unanswered for 10 s is cut off as lost, and not as inactive", () => {
    const run = new SessionRun(live());
    expect(summary(run.after(25_000))).toBe("live ping");
    expect(summary(run.after(9_999))).toBe("live");
    const lost = run.after(1);
    expect(lost.session.phase).toBe("closed");
    expect(lost.effects).toEqual([
      { type: "note", note: { event: "connection.timed_out" } },
      { type: "terminate" },
    ]);
  });

  test("I3 whatever is heard shows that the peer is alive", () => {
    for (const event of [{ type: "control" }, frame({ type: "ping" }), frame("no json")] as SessionEvent[]) {
      const run = new SessionRun(live(), PATIENT);
      run.after(25_000);
      run.now += 9_000;
      run.on(event);
      expect(run.after(1_000).session.phase).toBe("live");
    }
  });

  test("I3 what was heard before the ping shows nothing", () => {
    const run = new SessionRun(live(), PATIENT);
    run.now += 24_999;
    run.on({ type: "control" });
    run.after(1);
    expect(run.after(10_000).session.phase).toBe("closed");
  });

  test("RUNTIME 4 a paused peer's silence says nothing; once it is read again it has the whole time to answer", () => {
    const run = new SessionRun(live({ paused: true, waiting: 32 }), PATIENT);
    run.after(25_000);
    for (let i = 0; i < 5; i++) expect(summary(run.after(10_000))).toBe("live");
    run.session = { ...(run.session as Extract<Session, { phase: "live" }>), paused: false };
    expect(summary(run.after(9_999))).toBe("live");
    expect(run.after(1).session.phase).toBe("closed");
  });

  test("M4 an answered ping is no activity: the peer is warned and closed as inactive all the same", () => {
    const run = new SessionRun();
    const codes: string[] = [];
    for (let looks = 0; looks < 100 && run.session.phase === "live"; looks++) {
      run.now = nextDeadline(run.session, RULES);
      const { effects } = run.on({ type: "tick", unsent: 0 });
      if (effects.some((effect) => effect.type === "ping")) run.on({ type: "control" });
      codes.push(...sent(effects).map((sentFrame) => ("code" in sentFrame ? `${sentFrame.code}` : "")));
    }
    expect(codes).toEqual(["inactivity", "inactive", "4408"]);
    expect(run.now).toBe(START + 300_000);
  });
});

describe("nextTick", () => {
  test("is never later than what time alone would change: looking more often finds nothing earlier", () => {
    // Between a look and the one that nextDeadline asks for, a tick at any moment must have nothing to do.
    for (let seed = 1; seed <= 200; seed++) {
      const random = generator(seed);
      const run = new SessionRun(random() < 0.2 ? openSession(random() < 0.5, START, RULES) : live());
      for (let i = 0; i < 40 && run.session.phase !== "closed"; i++) {
        const due = nextDeadline(run.session, RULES);
        for (const share of [0, random(), 0.999999]) {
          const early = run.now + Math.max(0, due - run.now) * share;
          if (early >= due) continue;
          const look = step(run.session, { type: "tick", unsent: 0 }, early, RULES);
          if (`${seed} ${summary(look)}` !== `${seed} ${run.session.phase}`)
            throw new Error(`seed ${seed}: at ${early}, before ${due}: ${summary(look)}`);
        }
        if (random() < 0.5) {
          run.now += random() * Math.max(0, due - run.now);
          run.on(somethingHeard(random()));
        } else {
          run.now = Math.max(run.now, due);
          run.on({ type: "tick", unsent: 0 });
        }
      }
    }
  });

  test("after activity it is never earlier than before, so that a look already planned comes in time", () => {
    for (const warned of [false, true]) {
      const before = live({ inactivityWarned: warned, pingDueAt: Number.POSITIVE_INFINITY, activeAt: START });
      const now = START + (warned ? 270_000 : 100_000);
      const { session } = step(before, frame({ type: "activity" }), now, QUIET_LINE);
      expect(nextDeadline(session, QUIET_LINE)).toBeGreaterThanOrEqual(nextDeadline(before, QUIET_LINE));
    }
  });

  test("a closed session asks for none", () => {
    const { session } = step(live(), { type: "end", ending: closeReason(1001) }, START, RULES);
    expect(nextDeadline(session, RULES)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("A2 the warning of a token's end", () => {
  const token = (life: number, left = life) => ({ expiresAt: START + left, lifetime: life });

  test("A2 it comes a minute before the end, or half of the token's life; at once where less is left", () => {
    expect(expiryWarningAt(token(1_800_000))).toBe(START + 1_740_000);
    expect(expiryWarningAt(token(40_000))).toBe(START + 20_000);
    expect(expiryWarningAt(token(1_800_000, 30_000))).toBeLessThan(START);
    expect(expiryWarningAt(PASS)).toBe(Number.POSITIVE_INFINITY);
  });

  // A client with an application that gives it the same token until it ends was warned, and sent it, without end.
  test("A2 tokens that live shorter than the warning are asked for a few times in their life, not in a loop", () => {
    for (const life of [2_000, 20_000, 50_000, 110_000]) {
      for (const [what, end, most] of [
        ["a new one each time", (now: number) => now + life, 3],
        ["the same one again and again", () => START + life, 16],
      ] as const) {
        const pass = { ...PASS, lifetime: life };
        const run = new SessionRun(openSession(true, START, RULES), { ...QUIET_LINE, inactivity: 0 });
        run.on({ ...ADMITTED, access: { ...pass, expiresAt: end(START) } });
        let renewals = 0;
        while (run.now < START + life * 1.5 && run.session.phase === "live") {
          const { effects } = run.after(100);
          if (!sent(effects).some((each) => each.type === "warning" && each.code === "token_expiring"))
            continue;
          renewals++;
          run.on({ type: "renewed", access: { ...pass, expiresAt: end(run.now) } });
        }
        expect([what, life, renewals <= most && renewals > 0]).toEqual([what, life, true]);
      }
    }
  });
});

describe("A2 the machine's clock is set while a connection is open", () => {
  const expiring = { expiresAt: START + 1_800_000, expiryWarningAt: START + 1_740_000 };
  const rules = { ...QUIET_LINE, inactivity: 0 };
  const stepped = (by: number, fields = {}) => {
    const run = new SessionRun(live({ ...expiring, pingDueAt: Number.POSITIVE_INFINITY, ...fields }), rules);
    run.on({ type: "clock_stepped", by });
    return run;
  };

  test("A2 forward by less than is left: the token ends so much sooner", () => {
    expect(stepped(600_000).session).toMatchObject({
      expiresAt: START + 1_200_000,
      expiryWarningAt: START + 1_140_000,
    });
  });

  test("A2 forward beyond the token's end: the warning comes first, and all of its time before the close", () => {
    const run = stepped(86_400_000);
    expect(nextDeadline(run.session, rules)).toBe(START);
    expect(sent(run.after(0).effects)).toEqual([
      expect.objectContaining({ code: "token_expiring", seconds: 60 }),
    ]);
    expect(summary(run.after(59_999))).toBe("live");
    expect(summary(run.after(1))).toBe("closed error closing close 4401");
  });

  test("A2 back, or for one that was warned: what was promised holds", () => {
    expect(stepped(-86_400_000).session).toMatchObject(expiring);
    const warned = { expiryWarningAt: Number.POSITIVE_INFINITY };
    expect(stepped(86_400_000, warned).session).toMatchObject({ ...expiring, ...warned });
  });
});

describe("B1 I3 a client that is sent what it missed over a slow line", () => {
  const behind = (fields = {}) => new SessionRun(live({ catchingUpSince: START, ...fields }));

  test("I3 it is not lost while it takes some of it, though its pings wait behind a page", () => {
    const run = behind();
    for (let i = 0; i < 20; i++) {
      expect(summary(run.after(50_000, 300_000))).toMatch(/^live( ping)?$/);
      run.on({ type: "progress" });
    }
  });

  test("I3 it is lost when it takes nothing for 60 seconds, whatever it sends", () => {
    const run = behind({ pingDue: Number.POSITIVE_INFINITY });
    run.after(30_000, 300_000);
    run.on({ type: "control" });
    expect(summary(run.after(29_999, 300_000))).toBe("live");
    expect(nextDeadline(run.session, RULES)).toBe(START + progressTimeout(RULES));
    expect(summary(run.after(1, 300_000))).toBe("closed terminate");
  });

  test("I3 it waits for a store that is slow as long as it takes", () => {
    const run = behind();
    for (let i = 0; i < 20; i++) expect(summary(run.after(50_000, 0))).toMatch(/^live( ping)?$/);
  });

  test("I3 the answer to the ping after the last page may take as long as a page", () => {
    const run = behind({ pingDue: 0, pingedAt: START });
    run.after(5_000, 300_000);
    expect(summary(run.on({ type: "caught_up" }))).toBe("live ping release");
    expect(summary(run.after(progressTimeout(RULES) - 1, 0))).toBe("live");
    expect(summary(run.after(1, 0))).toBe("closed terminate");
  });

  test("I3 one that is half-open after the last page has arrived is found by the usual pings", () => {
    const run = behind({ pingDue: 0, pingedAt: START });
    run.on({ type: "caught_up" });
    run.after(100, 0);
    run.on({ type: "control" });
    run.after(0, 0);
    expect(summary(run.after(RULES.pingInterval, 0))).toBe("live ping");
    expect(summary(run.after(RULES.pongTimeout, 0))).toBe("closed terminate");
  });

  test("I3 whoever takes what is sent is there, though the pong waits behind it", () => {
    const run = new SessionRun(live({ pingDueAt: 0, pingedAt: START }));
    run.after(9_000, 300_000);
    run.on({ type: "progress" });
    expect(summary(run.after(2_000, 300_000))).toBe("live");
  });
});

function somethingHeard(choice: number): SessionEvent {
  if (choice < 0.4) return { type: "control" };
  if (choice < 0.7) return frame({ type: "activity" });
  return frame({ type: "ping" });
}

/** mulberry32: small, seeded, good enough to choose between events. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
