import { expect, test } from "bun:test";
import {
  closeForResends,
  MAX_RESENT_BYTES_PER_MINUTE,
  ResendLimiter,
} from "../../../src/core/conversation/resend-limiter.ts";
import { Random, seeds } from "../../support/random.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const QUARTER = MAX_RESENT_BYTES_PER_MINUTE / 4;

/** Requests to send a message of `bytes`; a list of these is a history. */
function send(
  repeats: ResendLimiter,
  now: number,
  seq = 1,
  bytes = QUARTER,
  user = "ann",
  conversation = "lobby",
) {
  return repeats.admit(user, conversation, seq, [bytes], now);
}

test("MX7 messages new to a user are sent without a limit", () => {
  const repeats = new ResendLimiter();
  for (let seq = 1; seq <= 100; seq++) expect(send(repeats, 0, seq)).toBe(0);
});

test("MX7 repeats are at most 4 MiB a minute, and the wait is exact", () => {
  const repeats = new ResendLimiter();
  send(repeats, 0);
  for (const second of [1, 2, 3, 4]) expect(send(repeats, second * 1000)).toBe(0);
  expect(send(repeats, 5000)).toBe(MINUTE - 4000);
  expect(send(repeats, 5000, 2)).toBe(0);
  expect(send(repeats, MINUTE + 999)).toBe(1);
  expect(send(repeats, MINUTE + 1000)).toBe(0);
  expect(send(repeats, MINUTE + 1000)).toBe(1000);
});

test("MX7 one user's repeats, in any conversations, do not count for another user", () => {
  const repeats = new ResendLimiter();
  for (const conversation of ["a", "b"]) {
    for (let i = 0; i < 3; i++) expect(send(repeats, 0, 1, QUARTER, "ann", conversation)).toBe(0);
  }
  expect(send(repeats, 0, 1, QUARTER, "ann", "a")).toBe(MINUTE);
  for (let i = 0; i < 5; i++) expect(send(repeats, 0, 1, QUARTER, "bob", "a")).toBe(0);
});

test("MX7 a message sent more than an hour ago counts as new", () => {
  const repeats = new ResendLimiter();
  for (let i = 0; i < 5; i++) send(repeats, 0);
  expect(send(repeats, 1000)).toBeGreaterThan(0);
  expect(send(repeats, HOUR)).toBe(0);
  for (let i = 0; i < 4; i++) expect(send(repeats, HOUR)).toBe(0);
  expect(send(repeats, HOUR)).toBeGreaterThan(0);
});

test("MX7 only the part of a page that was sent before counts", () => {
  const repeats = new ResendLimiter();
  expect(repeats.admit("ann", "lobby", 1, [QUARTER, QUARTER], 0)).toBe(0);
  for (const first of [2, 4, 6, 8])
    expect(repeats.admit("ann", "lobby", first, [QUARTER, QUARTER, QUARTER], 0)).toBe(0);
  expect(repeats.admit("ann", "lobby", 10, [QUARTER, QUARTER, QUARTER], 0)).toBe(MINUTE);
  expect(repeats.admit("ann", "lobby", 11, [QUARTER, QUARTER, QUARTER], 0)).toBe(0);
});

for (const seed of seeds(71, 72)) {
  test(`MX7 in any order of pages: new is free, and no minute has more repeats than the limit (seed ${seed})`, () => {
    const random = new Random(seed);
    const repeats = new ResendLimiter();
    const sent = new Set<number>();
    const log: [now: number, bytes: number][] = [];
    let now = 0;
    for (let i = 0; i < 2000; i++) {
      now += random.between(0, 3000);
      if (now >= HOUR) break;
      // Few places, so that no two ranges have to be taken for one.
      const first = random.between(0, 6) * 10 + 1;
      const sizes = Array.from({ length: random.between(1, 10) }, () => random.between(1, QUARTER));
      const old = sizes.map((size, at) => (sent.has(first + at) ? size : 0)).reduce((a, b) => a + b, 0);
      if (old > MAX_RESENT_BYTES_PER_MINUTE) continue;
      const wait = repeats.admit("ann", "lobby", first, sizes, now);
      if (old === 0) expect(wait).toBe(0);
      if (wait > 0) continue;
      for (const at of sizes.keys()) sent.add(first + at);
      log.push([now, old]);
      // To the second: bytes of one second count at its start.
      const minute = log
        .filter(([at]) => at > now - MINUTE + 1000)
        .reduce((sum, [, bytes]) => sum + bytes, 0);
      expect(minute).toBeLessThanOrEqual(MAX_RESENT_BYTES_PER_MINUTE);
    }
  });
}

test("MX7 N4 the close frames both contain the wait", () => {
  const { code, error, retryAfter } = closeForResends(1234);
  expect({ code, error: error?.code, retryAfter }).toEqual({ code: 1013, error: "busy", retryAfter: 1.234 });
});
