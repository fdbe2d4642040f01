import { describe, expect, test } from "bun:test";
import { closeReason } from "../../../src/core/session/close-reason.ts";
import { openConnection, stepConnection } from "../../../src/core/session/connection-session.ts";
import type { ConnectionEvent, Live } from "../../../src/core/session/connection-state.ts";
import type { Membership } from "../../../src/core/session/membership-state.ts";
import { expiryWarningAt, nextDeadline, progressTimeout } from "../../../src/core/session/timeouts.ts";
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

/** A membership that is being sent what was missed. */
const BEHIND: Membership = { phase: "behind", position: 0, held: 0, writeRefusal: undefined };

/** Pings are another matter (I3). */
const QUIET_LINE = { ...RULES, pingInterval: 0 };

describe("I2 inactivity", () => {
  test("I2 the warning comes 30 s before, with the seconds left, and then the close 4408", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(nextDeadline(run.session, QUIET_LINE)).toBe(START_MS + 270_000);
    expect(summary(run.advance(269_999))).toBe("live");
    expect(sentFrames(run.advance(1).effects)).toEqual([
      expect.objectContaining({ type: "warning", code: "inactivity", seconds: 30 }),
    ]);
    expect(nextDeadline(run.session, QUIET_LINE)).toBe(START_MS + 300_000);
    expect(summary(run.advance(29_999))).toBe("live");
    expect(summary(run.advance(1))).toBe("closed error closing close 4408");
    expect(run.sent().slice(-2)).toEqual([
      expect.objectContaining({ type: "error", code: "inactive" }),
      { type: "closing", code: 4408, reason: "inactive", reconnect: false },
    ]);
  });

  test("I2 the warning is sent once", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    run.advance(270_000);
    for (let i = 0; i < 10; i++) expect(summary(run.advance(1_000))).toBe("live");
  });

  // A process that was stopped for some minutes, as in a suspended machine, closed every connection at its first tick.
  test("I2 however late the tick is, the warning comes, and all of its time before the close", () => {
    for (const late of [290_500, 400_000, 86_400_000]) {
      const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
      expect(sentFrames(run.advance(late).effects)).toEqual([
        expect.objectContaining({ code: "inactivity", seconds: 30 }),
      ]);
      expect(summary(run.advance(29_999))).toBe("live");
      expect(summary(run.advance(1))).toBe("closed error closing close 4408");
    }
  });

  test("I2 a tick that is a little late reports the time really left", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(sentFrames(run.advance(270_500).effects)).toEqual([expect.objectContaining({ seconds: 29.5 })]);
  });

  test("I2 any activity cancels the warning, and restarts the whole time-out", () => {
    for (const content of [
      { type: "activity" },
      { type: "message", text: "x" },
      { type: "history" },
      { type: "typing", active: true },
      { type: "read", seq: 1 },
    ]) {
      const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
      run.advance(299_999);
      run.apply(frame(content));
      expect(run.session).toMatchObject({ inactivityWarned: false, activeAt: START_MS + 299_999 });
      if (content.type === "message")
        run.apply({
          type: "posted",
          id: "m",
          conversation: "lobby",
          result: { outcome: "stored", seq: 1, at: START_MS, quota: QUOTA },
        });
      if (content.type === "history")
        run.apply({
          type: "history_read",
          result: { outcome: "read", entries: [], more: false, quota: QUOTA },
        });
      expect(nextDeadline(run.session, QUIET_LINE)).toBe(START_MS + 299_999 + 270_000);
      expect(summary(run.advance(269_999))).toBe("live");
      expect(summary(run.advance(1))).toBe("live warning");
    }
  });

  test("I1 frames that software sends on its own cancel nothing: pings of both kinds, invalid frames, token renewal", () => {
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    run.advance(270_000);
    run.now += 29_999;
    run.apply({ type: "control" });
    run.apply(frame({ type: "ping" }));
    run.apply(frame({ type: "token", token: "abc" }));
    run.apply(frame("no json"));
    expect(summary(run.advance(1))).toBe("closed error closing close 4408");
  });

  test("I1 a client that waits for a result, or is still being sent one, is active", () => {
    const asked = new SessionRun(live({ waiting: 1, pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(summary(asked.advance(300_000))).toBe("live");
    expect(asked.session).toMatchObject({ activeAt: START_MS + 300_000 });
    const streaming = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), QUIET_LINE);
    expect(summary(streaming.advance(300_000, 1))).toBe("live");
    expect(summary(streaming.advance(270_000, 0))).toBe("live warning");
    expect(summary(streaming.advance(30_000, 0))).toBe("closed error closing close 4408");
  });

  test("I2 INACTIVITY_TIMEOUT 0 turns it off", () => {
    const rules = { ...QUIET_LINE, inactivity: 0, inactivityWarning: 0 };
    const run = new SessionRun(live({ pingDueAt: Number.POSITIVE_INFINITY }), rules);
    expect(nextDeadline(run.session, rules)).toBe(Number.POSITIVE_INFINITY);
    expect(summary(run.advance(86_400_000))).toBe("live");
  });
});

describe("I3 M4 dead peers", () => {
  const PATIENT = { ...RULES, inactivity: 0 };

  test("M4 a ping is sent every 25 s, and each pong is followed by the next", () => {
    const run = new SessionRun(live(), PATIENT);
    for (let i = 0; i < 4; i++) {
      expect(nextDeadline(run.session, PATIENT)).toBe(START_MS + (i + 1) * 25_000);
      run.now = nextDeadline(run.session, PATIENT);
      expect(summary(run.apply({ type: "tick", unsent: 0 }))).toBe("live ping");
      run.now += 200;
      run.apply({ type: "control" });
      run.now = nextDeadline(run.session, PATIENT);
      expect(summary(run.apply({ type: "tick", unsent: 0 }))).toBe("live");
    }
  });

  test("M4 pings of sockets that opened together are spread by 10 %", () => {
    const due = (spread: number) => {
      const { session } = stepConnection(
        openConnection(true, START_MS, RULES),
        ADMITTED,
        START_MS,
        RULES,
        spread,
      );
      return nextDeadline(session, RULES) - START_MS;
    };
    expect([due(-1), due(0), due(1)]).toEqual([22_500, 25_000, 27_500]);
  });

  test("I3 RT-1 a peer that sends no pong for 10 s is cut off as lost, and not as inactive", () => {
    const run = new SessionRun(live());
    expect(summary(run.advance(25_000))).toBe("live ping");
    expect(summary(run.advance(9_999))).toBe("live");
    const lost = run.advance(1);
    expect(lost.session.phase).toBe("closed");
    expect(lost.effects).toEqual([
      { type: "note", note: { event: "connection.timed_out" } },
      { type: "terminate" },
    ]);
  });

  test("I3 any received frame shows that the peer is alive", () => {
    for (const event of [
      { type: "control" },
      frame({ type: "ping" }),
      frame("no json"),
    ] as ConnectionEvent[]) {
      const run = new SessionRun(live(), PATIENT);
      run.advance(25_000);
      run.now += 9_000;
      run.apply(event);
      expect(run.advance(1_000).session.phase).toBe("live");
    }
  });

  test("I3 a frame received before the ping shows nothing", () => {
    const run = new SessionRun(live(), PATIENT);
    run.now += 24_999;
    run.apply({ type: "control" });
    run.advance(1);
    expect(run.advance(10_000).session.phase).toBe("closed");
  });

  test("RT-4 a paused peer's silence means nothing; once it is read again it has the whole time to reply", () => {
    const run = new SessionRun(live({ paused: true, waiting: 32 }), PATIENT);
    run.advance(25_000);
    for (let i = 0; i < 5; i++) expect(summary(run.advance(10_000))).toBe("live");
    run.session = { ...(run.session as Live), paused: false };
    expect(summary(run.advance(9_999))).toBe("live");
    expect(run.advance(1).session.phase).toBe("closed");
  });

  test("M4 a pong is no activity: the peer is warned and closed as inactive all the same", () => {
    const run = new SessionRun();
    const codes: string[] = [];
    for (let ticks = 0; ticks < 100 && run.session.phase === "live"; ticks++) {
      run.now = nextDeadline(run.session, RULES);
      const { effects } = run.apply({ type: "tick", unsent: 0 });
      if (effects.some((effect) => effect.type === "ping")) run.apply({ type: "control" });
      codes.push(...sentFrames(effects).map((sentFrame) => ("code" in sentFrame ? `${sentFrame.code}` : "")));
    }
    expect(codes).toEqual(["inactivity", "inactive", "4408"]);
    expect(run.now).toBe(START_MS + 300_000);
  });
});

describe("nextTick", () => {
  test("is never later than the next timed change: earlier ticks find nothing to do", () => {
    // Between a tick and the one that nextDeadline returns, a tick at any time must have nothing to do.
    for (let seed = 1; seed <= 200; seed++) {
      const random = generator(seed);
      const run = new SessionRun(random() < 0.2 ? openConnection(random() < 0.5, START_MS, RULES) : live());
      for (let i = 0; i < 40 && run.session.phase !== "closed"; i++) {
        const due = nextDeadline(run.session, RULES);
        for (const share of [0, random(), 0.999999]) {
          const early = run.now + Math.max(0, due - run.now) * share;
          if (early >= due) continue;
          const tick = stepOnce(run.session, { type: "tick", unsent: 0 }, early);
          if (`${seed} ${summary(tick)}` !== `${seed} ${run.session.phase}`)
            throw new Error(`seed ${seed}: at ${early}, before ${due}: ${summary(tick)}`);
        }
        if (random() < 0.5) {
          run.now += random() * Math.max(0, due - run.now);
          run.apply(somethingReceived(random()));
        } else {
          run.now = Math.max(run.now, due);
          run.apply({ type: "tick", unsent: 0 });
        }
      }
    }
  });

  test("after activity it is never earlier than before, so that a planned tick comes in time", () => {
    for (const warned of [false, true]) {
      const before = live({
        inactivityWarned: warned,
        pingDueAt: Number.POSITIVE_INFINITY,
        activeAt: START_MS,
      });
      const now = START_MS + (warned ? 270_000 : 100_000);
      const { session } = stepConnection(before, frame({ type: "activity" }), now, QUIET_LINE);
      expect(nextDeadline(session, QUIET_LINE)).toBeGreaterThanOrEqual(nextDeadline(before, QUIET_LINE));
    }
  });

  test("a closed session has none", () => {
    const { session } = stepConnection(live(), { type: "end", ending: closeReason(1001) }, START_MS, RULES);
    expect(nextDeadline(session, RULES)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("A2 the warning of a token's end", () => {
  const token = (life: number, left = life) => ({ expiresAt: START_MS + left, lifetime: life });

  test("A2 it comes a minute before the end, or half of the token's life; at once if less is left", () => {
    expect(expiryWarningAt(token(1_800_000))).toBe(START_MS + 1_740_000);
    expect(expiryWarningAt(token(40_000))).toBe(START_MS + 20_000);
    expect(expiryWarningAt(token(1_800_000, 30_000))).toBeLessThan(START_MS);
    expect(expiryWarningAt(TERM)).toBe(Number.POSITIVE_INFINITY);
  });

  // A client with an application that gives it the same token until it ends was warned, and sent it, without end.
  test("A2 tokens shorter than the warning are requested a few times in their life, not in a loop", () => {
    for (const life of [2_000, 20_000, 50_000, 110_000]) {
      for (const [what, end, most] of [
        ["a new one each time", (now: number) => now + life, 3],
        ["the same one again and again", () => START_MS + life, 16],
      ] as const) {
        const pass = { ...TERM, lifetime: life };
        const run = new SessionRun(openConnection(true, START_MS, RULES), { ...QUIET_LINE, inactivity: 0 });
        run.apply({ ...ADMITTED, term: { ...pass, expiresAt: end(START_MS) } });
        let renewals = 0;
        while (run.now < START_MS + life * 1.5 && run.session.phase === "live") {
          const { effects } = run.advance(100);
          if (!sentFrames(effects).some((each) => each.type === "warning" && each.code === "token_expiring"))
            continue;
          renewals++;
          run.apply({ type: "renewed", term: { ...pass, expiresAt: end(run.now) } });
        }
        expect([what, life, renewals <= most && renewals > 0]).toEqual([what, life, true]);
      }
    }
  });
});

describe("A2 the machine's clock is changed while a connection is open", () => {
  const expiring = { expiresAt: START_MS + 1_800_000, expiryWarningAt: START_MS + 1_740_000 };
  const rules = { ...QUIET_LINE, inactivity: 0 };
  const stepped = (by: number, fields = {}) => {
    const run = new SessionRun(live({ ...expiring, pingDueAt: Number.POSITIVE_INFINITY, ...fields }), rules);
    run.apply({ type: "clock_stepped", by });
    return run;
  };

  test("A2 forward by less than the rest: the token ends that much sooner", () => {
    expect(stepped(600_000).session).toMatchObject({
      expiresAt: START_MS + 1_200_000,
      expiryWarningAt: START_MS + 1_140_000,
    });
  });

  test("A2 forward beyond the token's end: the warning comes first, and all of its time before the close", () => {
    const run = stepped(86_400_000);
    expect(nextDeadline(run.session, rules)).toBe(START_MS);
    expect(sentFrames(run.advance(0).effects)).toEqual([
      expect.objectContaining({ code: "token_expiring", seconds: 60 }),
    ]);
    expect(summary(run.advance(59_999))).toBe("live");
    expect(summary(run.advance(1))).toBe("closed error closing close 4401");
  });

  test("A2 backward, or after the warning: the announced times hold", () => {
    expect(stepped(-86_400_000).session).toMatchObject(expiring);
    const warned = { expiryWarningAt: Number.POSITIVE_INFINITY };
    expect(stepped(86_400_000, warned).session).toMatchObject({ ...expiring, ...warned });
  });
});

describe("B1 I3 a client that catches up over a slow connection", () => {
  const behind = (fields = {}) =>
    new SessionRun(live({ catchingUpSince: START_MS, ...fields }), RULES, BEHIND);

  test("I3 it is not lost while it reads some of it, though its pings wait behind a page", () => {
    const run = behind();
    for (let i = 0; i < 20; i++) {
      expect(summary(run.advance(50_000, 300_000))).toMatch(/^live( ping)?$/);
      run.apply({ type: "progress" });
    }
  });

  test("I3 it is lost when it reads nothing for 60 seconds, whatever it sends", () => {
    const run = behind({ pingDueAt: Number.POSITIVE_INFINITY });
    run.advance(30_000, 300_000);
    run.apply({ type: "control" });
    expect(summary(run.advance(29_999, 300_000))).toBe("live");
    expect(nextDeadline(run.session, RULES)).toBe(START_MS + progressTimeout(RULES));
    expect(summary(run.advance(1, 300_000))).toBe("closed terminate");
  });

  test("I3 it waits for a slow store without a limit", () => {
    const run = behind();
    for (let i = 0; i < 20; i++) expect(summary(run.advance(50_000, 0))).toMatch(/^live( ping)?$/);
  });

  test("I3 the pong after the last page may take as long as a page", () => {
    const run = behind({ pingDueAt: 0, pingedAt: START_MS });
    run.advance(5_000, 300_000);
    expect(summary(run.apply({ type: "caught_up" }))).toBe("live ping");
    expect(summary(run.advance(progressTimeout(RULES) - 1, 0))).toBe("live");
    expect(summary(run.advance(1, 0))).toBe("closed terminate");
  });

  test("I3 one that is half-open after the last page has arrived is detected by the usual pings", () => {
    const run = behind({ pingDueAt: 0, pingedAt: START_MS });
    run.apply({ type: "caught_up" });
    run.advance(100, 0);
    run.apply({ type: "control" });
    run.advance(0, 0);
    expect(summary(run.advance(RULES.pingInterval, 0))).toBe("live ping");
    expect(summary(run.advance(RULES.pongTimeout, 0))).toBe("closed terminate");
  });

  test("I3 a client that reads is alive, though its pong is delayed", () => {
    const run = new SessionRun(live({ pingDueAt: 0, pingedAt: START_MS }));
    run.advance(9_000, 300_000);
    run.apply({ type: "progress" });
    expect(summary(run.advance(2_000, 300_000))).toBe("live");
  });
});

function somethingReceived(choice: number): ConnectionEvent {
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
