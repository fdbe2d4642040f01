import { expect, test } from "bun:test";
import { dueAfter, readyAt, waitTime } from "../../src/protocol/gcra.ts";

const RATE = { intervalMs: 100, burst: 3 };

test("`burst` may come at once, then one each interval", () => {
  let due = 0;
  const sentAt: number[] = [];
  for (let now = 1_000; sentAt.length < 6; now += 10) {
    if (readyAt(due, RATE.intervalMs, RATE.burst) > now) continue;
    due = dueAfter(due, RATE.intervalMs, now);
    sentAt.push(now);
    now -= 10;
  }
  expect(sentAt).toEqual([1_000, 1_000, 1_000, 1_100, 1_200, 1_300]);
});

test("after a pause of `burst` intervals the whole burst may come again, and no more", () => {
  let due = 0;
  for (let i = 0; i < 3; i++) due = dueAfter(due, RATE.intervalMs, 0);
  for (let i = 0; i < 3; i++) {
    expect(readyAt(due, RATE.intervalMs, RATE.burst)).toBeLessThanOrEqual(10_000);
    due = dueAfter(due, RATE.intervalMs, 10_000);
  }
  expect(readyAt(due, RATE.intervalMs, RATE.burst)).toBe(10_100);
});

test("an interval of 0 is no limit", () => {
  const unlimited = { intervalMs: 0, burst: 1 };
  expect(readyAt(dueAfter(5, unlimited.intervalMs, 5), unlimited.intervalMs, unlimited.burst)).toBe(5);
});

test("the whole burst may come at once, also where the interval is no binary fraction", () => {
  for (const burst of [7, 18, 30, 600]) {
    const rate = { intervalMs: 1000 / 18, burst };
    const now = 1_795_000_000_123;
    let due = 0;
    for (let i = 0; i < burst; i++) {
      expect(waitTime(due, rate, now)).toBe(0);
      due = dueAfter(due, rate.intervalMs, now);
    }
    expect(waitTime(due, rate, now)).toBeWithin(rate.intervalMs - 0.1, rate.intervalMs + 0.1);
  }
});
