import { expect, test } from "bun:test";
import { StoreTime } from "../../../src/core/store-time.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const HOUR = 3_600_000;

/** Clock sources that a test sets by hand. */
function sources(wall: number, monotonic: number) {
  const time = { wall, monotonic };
  return { time, wall: () => time.wall, monotonic: () => time.monotonic };
}

test("I2 durations are steady, however the machine's clock is set; times of day follow it", () => {
  const machine = sources(1_000_000, 50);
  const clock = systemClock(machine);
  expect([clock.now(), clock.wall()]).toEqual([1_000_000, 1_000_000]);
  for (const step of [-HOUR, 2 * HOUR, -HOUR]) {
    machine.time.wall += step + 250;
    machine.time.monotonic += 250;
    expect(clock.wall()).toBe(machine.time.wall);
  }
  expect(clock.now()).toBe(1_000_750);
});

/** The time of a store with a newest entry that a test sets. */
function storeTime(newest = 0) {
  const clock = new ManualClock();
  const start = clock.now();
  const store = { newest: newest === 0 ? 0 : start + newest };
  const time = new StoreTime(clock, () => store.newest);
  return {
    clock,
    time,
    /** Now, in milliseconds since the start; `stores` has something stored at that time. */
    at: (stores = false) => {
      const now = time.now();
      if (stores) store.newest = now;
      return now - start;
    },
  };
}

test("Q1 the store's time follows the clock forward, and never back before a stored entry", () => {
  const { clock, at } = storeTime();
  clock.advance(1000);
  clock.step(2 * HOUR);
  expect(at(true)).toBe(2 * HOUR + 1000);
  clock.step(-2 * HOUR);
  expect(at()).toBe(2 * HOUR + 1000);
  clock.advance(HOUR);
  expect(at()).toBe(3 * HOUR + 1000);
});

test("Q1 it returns to the right time if nothing was stored under the wrong one, or once that has come", () => {
  const { clock, at } = storeTime();
  clock.step(2 * HOUR);
  expect(at()).toBe(2 * HOUR);
  clock.step(-2 * HOUR);
  expect(at()).toBe(0);
  clock.step(2 * HOUR);
  at(true);
  clock.step(-2 * HOUR);
  clock.advance(2 * HOUR - 1);
  expect(at()).toBe(4 * HOUR - 1);
  clock.advance(1);
  expect(at()).toBe(2 * HOUR);
});

test("Q1 a store whose newest entry is years ahead continues from there at normal speed", () => {
  const years = 20 * 365 * 24 * HOUR;
  const { clock, time, at } = storeTime(years);
  expect(time.aheadOfWall).toBe(years);
  expect(at(true)).toBe(years);
  clock.advance(HOUR);
  expect(at()).toBe(years + HOUR);
});

test("Q1 differences below a second are ignored in favour of the steady clock", () => {
  const { clock, at } = storeTime();
  clock.step(900);
  expect(at()).toBe(0);
  clock.step(-1800);
  expect(at()).toBe(0);
});
