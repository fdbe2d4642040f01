import { expect, test } from "bun:test";
import { decidePost } from "../../../src/core/conversation/post-decision.ts";
import { QUOTA_WINDOW_MS, SlidingWindowLog } from "../../../src/core/conversation/quota.ts";
import { QuotaModel } from "../../support/models/quota-model.ts";
import { Random, seeds } from "../../support/random.ts";

const START = Date.UTC(2025, 0, 1);

/** Requests tried in one run; enough for the ring in SlidingWindowLog to grow, wrap and empty many times. */
const TRIES = 3_000;

for (const seed of seeds(1, 2, 3, 4, 5, 6, 7, 8)) {
  test(`Q1 Q2 Q3 bursts, pauses and plan changes agree with counting by hand (seed ${seed})`, () => {
    const random = new Random(seed);
    const log = new SlidingWindowLog();
    const model = new QuotaModel();
    const plans = Array.from({ length: 4 }, () => random.between(1, 40));
    let limit = random.pick(plans);
    let now = START;
    for (let tries = 0; tries < TRIES; ) {
      now += pause(random, limit, log.retryAfter(limit, now));
      if (random.next() < 0.05) limit = random.pick([0, ...plans]);
      for (let burst = random.pick([1, 1, 1, 2, 5, 30]); burst > 0; burst--, tries++) {
        const decision = decidePost(undefined, log, limit, now);
        const wait = model.wait(limit, now);
        if (wait > 0) {
          expect(decision).toEqual({
            outcome: "rate_limited",
            retryAfter: wait,
            quota: model.view(limit, now)!,
          });
        } else {
          expect(decision.outcome).toBe("store");
          // The caller records; an unmetered request is not counted.
          if (limit > 0) {
            log.record(now);
            model.record(now);
          }
        }
        expect(log.count(now)).toBe(model.count(now));
        expect(log.view(limit, now)).toEqual(model.view(limit, now));
      }
    }
  });
}

/** Often to the millisecond before or at which something becomes possible: that is where an hour is counted wrongly. */
function pause(random: Random, limit: number, wait: number): number {
  const fair = Math.ceil(QUOTA_WINDOW_MS / Math.max(1, limit));
  const pauses = [
    0,
    1,
    random.between(0, fair),
    random.between(0, 3 * fair),
    QUOTA_WINDOW_MS - 1,
    QUOTA_WINDOW_MS,
  ];
  if (wait > 0) pauses.push(wait - 1, wait, wait + 1);
  return random.pick(pauses);
}

for (const seed of seeds(31, 32, 33)) {
  test(`Q1 no hour holds more than the limit, and no request is refused below it (seed ${seed})`, () => {
    const random = new Random(seed);
    const log = new SlidingWindowLog();
    const limit = random.between(1, 25);
    const accepted: number[] = [];
    let now = START;
    for (let tries = 0; tries < TRIES; tries++) {
      now += pause(random, limit, log.retryAfter(limit, now));
      const inTheHour = accepted.filter((time) => time > now - QUOTA_WINDOW_MS).length;
      const decision = decidePost(undefined, log, limit, now);
      expect(decision.outcome).toBe(inTheHour < limit ? "store" : "rate_limited");
      if (decision.outcome !== "store") continue;
      log.record(now);
      accepted.push(now);
    }
    for (let i = limit; i < accepted.length; i++)
      expect(accepted[i]! - accepted[i - limit]!).toBeGreaterThanOrEqual(QUOTA_WINDOW_MS);
  });
}

for (const seed of seeds(41, 42, 43)) {
  test(`Q1 \`retryAfter\` is exact: refused a millisecond before it, accepted at it (seed ${seed})`, () => {
    const random = new Random(seed);
    const log = new SlidingWindowLog();
    let now = START;
    for (let i = 0; i < 60; i++) {
      log.record(now, random.between(1, 5));
      now += random.between(0, QUOTA_WINDOW_MS / 70);
    }
    for (let i = 0; i < 200; i++) {
      // A plan below the used number: several entries have to expire first.
      const limit = random.between(1, Math.max(1, log.count(now)));
      const wait = log.retryAfter(limit, now);
      expect(wait).toBeGreaterThan(0);
      expect(decidePost(undefined, log, limit, now + wait - 1)).toMatchObject({ retryAfter: 1 });
      now += wait;
      expect(decidePost(undefined, log, limit, now).outcome).toBe("store");
      log.record(now, random.between(1, 3));
    }
  });
}

test("Q1 a request leaves the hour exactly 3,600,000 ms after it was accepted", () => {
  const log = new SlidingWindowLog();
  log.record(START);
  expect(log.count(START + QUOTA_WINDOW_MS - 1)).toBe(1);
  expect(log.count(START + QUOTA_WINDOW_MS)).toBe(0);
});

test("Q1 fixed windows would accept 2N−1 around their edge; here N pass", () => {
  const limit = 10;
  const log = new SlidingWindowLog();
  let accepted = 0;
  // Nine at the end of a clock hour, ten at the beginning of the next one.
  for (const [time, count] of [
    [START + QUOTA_WINDOW_MS - 1, 9],
    [START + QUOTA_WINDOW_MS, 10],
  ] as const) {
    for (let i = 0; i < count; i++) {
      if (log.retryAfter(limit, time) > 0) continue;
      log.record(time);
      accepted++;
    }
  }
  expect(accepted).toBe(limit);
});

test("Q3 an empty log gives the whole limit and no wait; no limit gives zeros", () => {
  const log = new SlidingWindowLog();
  expect(log.view(100, START)).toEqual({ limit: 100, remaining: 100, reset: 0 });
  log.record(START, 30);
  expect(log.view(100, START + 500)).toEqual({ limit: 100, remaining: 70, reset: 3_599.5 });
  expect(log.view(20, START)).toEqual({ limit: 20, remaining: 0, reset: 3_600 });
  expect(log.view(0, START)).toBeNull();
  expect(log.retryAfter(0, START)).toBe(0);
});
