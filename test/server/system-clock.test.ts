import { expect, test } from "bun:test";
import { systemClock } from "../../src/server/system-clock.ts";

/** Clock sources that a test sets by hand. */
function sources(wall: number, monotonic: number) {
  const time = { wall, monotonic };
  return { time, wall: () => time.wall, monotonic: () => time.monotonic };
}

test("Q1 time never runs backwards when the machine's clock is set back, and goes on at its own pace", () => {
  const machine = sources(1_000_000, 50);
  const clock = systemClock(machine);
  expect(clock.now()).toBe(1_000_000);
  machine.time.wall -= 3_600_000;
  machine.time.monotonic += 250;
  expect(clock.now()).toBe(1_000_250);
});

test("T3 time follows the machine's clock forward within 100 ms of a sleep, in which monotonic time stood still", () => {
  const machine = sources(1_000_000, 50);
  const clock = systemClock(machine);
  clock.now();
  machine.time.wall += 7_200_000;
  machine.time.monotonic += 100;
  expect(clock.now()).toBe(8_200_000);
  machine.time.wall -= 7_200_000;
  machine.time.monotonic += 100;
  expect(clock.now()).toBe(8_200_100);
});
