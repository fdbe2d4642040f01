import { expect, test } from "bun:test";
import { ManualClock } from "./manual-clock.ts";

test("tasks run in order, each at its own time, until they are stopped", () => {
  const clock = new ManualClock(0);
  const ran: string[] = [];
  const stop = clock.every(20, () => void ran.push(`a ${clock.now()}`));
  clock.every(30, () => void ran.push(`b ${clock.now()}`));
  clock.advance(60);
  expect(ran).toEqual(["a 20", "b 30", "a 40", "a 60", "b 60"]);
  stop();
  clock.advance(29);
  expect(ran).toHaveLength(5);
  expect(clock.now()).toBe(89);
});
