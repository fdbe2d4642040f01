import { describe, expect, test } from "bun:test";
import {
  closeReasonOf,
  type FaultOf,
  planClockJump,
  readFaultRequest,
  requestsToExhaustQuota,
} from "../../src/core/faults.ts";
import { closingFrame } from "../../src/core/session/close-reason.ts";
import { SERVER_FRAMES } from "../../src/protocol/server-frames.ts";
import { live, RULES, START_MS } from "../support/models/session.ts";

function read(fault: unknown) {
  return readFaultRequest(JSON.stringify({ connection: "c1", fault }));
}

/** The error for a wrong fault. */
function wrong(fault: unknown): string {
  const answer = read(fault);
  return "refusal" in answer ? answer.refusal.message : "nothing";
}

describe("reading a request for a fault", () => {
  test.each([
    [{ do: "cut" }],
    [{ do: "freeze", seconds: 0.25 }],
    [{ do: "thaw" }],
    [{ do: "delay", milliseconds: 0 }],
    [{ do: "lose", next: "ack", count: 3 }],
    [{ do: "close", code: 4450, reason: "because", retry_after: 2 }],
    [{ do: "jump", to: "token_expiry" }],
    [{ do: "jump", seconds: 604_800 }],
    [{ do: "fill_quota" }],
    [{ do: "expired_token" }],
  ])("%j is taken as it is", (fault) => {
    expect(read(fault)).toEqual({ request: { connection: "c1", fault } } as ReturnType<typeof read>);
  });

  test("one frame is lost if no count is given", () => {
    expect(read({ do: "lose", next: "message" })).toMatchObject({ request: { fault: { count: 1 } } });
  });

  test.each<[unknown, string]>([
    [
      { do: "explode" },
      "`fault.do`: must be one of cut, freeze, thaw, delay, lose, close, jump, fill_quota, expired_token, freeze_writer, kill_writer, fence_writer.",
    ],
    [
      {},
      "`fault.do`: must be one of cut, freeze, thaw, delay, lose, close, jump, fill_quota, expired_token, freeze_writer, kill_writer, fence_writer.",
    ],
    ["cut", '`fault`: must be an object, as in {"do":"cut"}.'],
    [{ do: "cut", now: true, twice: 1 }, "`fault`: has `now`, `twice`, which there is not."],
    [
      { do: "freeze", seconds: 0 },
      "`fault.seconds`: must be a number of seconds, more than 0 and at most 600.",
    ],
    [
      { do: "freeze", seconds: "3" },
      "`fault.seconds`: must be a number of seconds, more than 0 and at most 600.",
    ],
    [{ do: "freeze" }, "`fault.seconds`: must be a number of seconds, more than 0 and at most 600."],
    [{ do: "delay", milliseconds: -1 }, "`fault.milliseconds`: must be at least 0."],
    [{ do: "delay", milliseconds: 60_001 }, "`fault.milliseconds`: must be at most 60000."],
    [{ do: "delay" }, "`fault.milliseconds`: must be a number."],
    [{ do: "lose", next: "ack", count: 1.5 }, "`fault.count`: must be a whole number."],
    [{ do: "lose", next: "ack", count: 1001 }, "`fault.count`: must be at most 1000."],
    [
      { do: "close", code: 4500 },
      "`fault.code`: must be 1000, 1001, 1011, 1012, 1013, or from 4400 to 4499.",
    ],
    [
      { do: "close", code: 1006 },
      "`fault.code`: must be 1000, 1001, 1011, 1012, 1013, or from 4400 to 4499.",
    ],
    [{ do: "close", code: 4400, reason: "é".repeat(62) }, "`fault.reason`: must be at most 123 bytes long."],
    [{ do: "jump" }, "`fault`: needs either `to` or `seconds`."],
    [{ do: "jump", to: "inactivity", seconds: 3 }, "`fault`: needs either `to` or `seconds`."],
    [
      { do: "jump", to: "tomorrow" },
      "`fault.to`: must be one of inactivity_warning, inactivity, token_expiring, token_expiry.",
    ],
    [
      { do: "jump", seconds: -3 },
      "`fault.seconds`: must be a number of seconds, more than 0 and at most 604800.",
    ],
  ])("%j is refused with what is wrong", (fault, message) => {
    expect(wrong(fault)).toBe(message);
  });

  test("every frame but the welcome, which was sent before, may be lost", () => {
    const others = Object.keys(SERVER_FRAMES).filter((type) => type !== "welcome");
    expect(wrong({ do: "lose", next: "welcome" })).toBe(
      `\`fault.next\`: must be one of ${others.join(", ")}.`,
    );
  });

  test("a body that is no such object is refused", () => {
    const refusal = (text: string) => {
      const answer = readFaultRequest(text);
      return "refusal" in answer ? [answer.refusal.code, answer.refusal.message] : [];
    };
    expect(refusal("{")).toEqual(["malformed", "The body is not JSON."]);
    expect(refusal("[]")).toEqual(["invalid", "`body`: must be a JSON object."]);
    expect(refusal('{"fault":{"do":"cut"}}')).toEqual([
      "invalid",
      "`connection`: must be the `connection` of a `welcome` frame.",
    ]);
    expect(refusal('{"connection":"c1"}')).toEqual([
      "invalid",
      '`fault`: must be an object, as in {"do":"cut"}.',
    ]);
    expect(refusal('{"connection":"c1","fault":{"do":"cut"},"user":"ben"}')).toEqual([
      "invalid",
      "`body`: has `user`, which there is not.",
    ]);
  });
});

describe("closing with a chosen code", () => {
  test("the reason is the catalogue's, and the error is the one sent before that code", () => {
    expect(closeReasonOf({ do: "close", code: 4408 })).toEqual({
      code: 4408,
      reason: "inactive",
      error: { code: "inactive", message: expect.stringContaining("A test asked for this.") },
    });
    expect(closeReasonOf({ do: "close", code: 4401 }).error?.code).toBe("unauthorized");
    expect(closeReasonOf({ do: "close", code: 1011 }).error?.code).toBe("internal");
    for (const code of [1000, 1001, 1012, 1013, 4413, 4450])
      expect(closeReasonOf({ do: "close", code }).error).toBeUndefined();
  });

  test("the range of an unknown code decides whether to reconnect", () => {
    const ending = closeReasonOf({ do: "close", code: 4450, reason: "mine", retry_after: 3 });
    expect(closingFrame(ending)).toEqual({
      type: "closing",
      code: 4450 as never,
      reason: "mine",
      reconnect: false,
      retry_after: 3,
    });
    expect(closingFrame(closeReasonOf({ do: "close", code: 1012 })).reconnect).toBe(true);
  });
});

describe("jumps", () => {
  const session = live({ expiresAt: START_MS + 1_830_000, expiryWarningAt: START_MS + 1_770_000 });
  const jump = (fault: Omit<FaultOf<"jump">, "do">, from = session, rules = RULES) =>
    planClockJump(from, { do: "jump", ...fault }, START_MS + 1_000, rules);

  test("to the inactivity timeout: it stops at the warning, which is not skipped", () => {
    expect(jump({ to: "inactivity_warning" })).toEqual({ stops: [START_MS + 270_000], active: false });
    expect(jump({ to: "inactivity" })).toEqual({
      stops: [START_MS + 270_000, START_MS + 300_000],
      active: false,
    });
  });

  test("to the end of the token: the user counts as active, or would be closed as inactive on the way", () => {
    expect(jump({ to: "token_expiring" })).toEqual({ stops: [START_MS + 1_770_000], active: true });
    expect(jump({ to: "token_expiry" })).toEqual({
      stops: [START_MS + 1_770_000, START_MS + 1_830_000],
      active: true,
    });
  });

  test("by seconds: it stops at every event", () => {
    expect(jump({ seconds: 10 })).toEqual({ stops: [START_MS + 11_000], active: false });
    expect(jump({ seconds: 280 })).toEqual({
      stops: [START_MS + 270_000, START_MS + 281_000],
      active: false,
    });
    expect(jump({ seconds: 9_000 })).toEqual({
      stops: [270_000, 300_000, 1_770_000, 1_830_000, 9_001_000].map((time) => START_MS + time),
      active: false,
    });
  });

  test("a jump to an event that never comes is refused with the reason", () => {
    const now = START_MS + 1_000;
    expect(jump({ to: "inactivity" }, session, { ...RULES, inactivity: 0 })).toBe(
      "INACTIVITY_TIMEOUT is 0: never.",
    );
    expect(jump({ to: "token_expiry" }, live())).toBe("The token of this connection does not expire.");
    expect(jump({ to: "token_expiring" }, live({ expiresAt: now + 60_000 }))).toBe(
      "`token_expiring` has come already.",
    );
    expect(jump({ to: "inactivity" }, live({ expiresAt: now + 200_000 }))).toMatch(
      /^The token of this connection ends before that\./,
    );
  });
});

test("a quota is filled with the remaining charges; one without limit, or with too many, is refused", () => {
  expect(requestsToExhaustQuota({ limit: 100, remaining: 37, reset: 1 })).toBe(37);
  expect(requestsToExhaustQuota(null)).toMatch(/^The user's plan is without limit/);
  expect(requestsToExhaustQuota({ limit: 10 ** 6, remaining: 10 ** 6, reset: 1 })).toMatch(/at most 100000/);
});
