import { expect, test } from "bun:test";
import { reconnectDelay } from "../../../src/core/session/reconnect-delay.ts";

test("L1 few clients reconnect at once, many are spread over the interval", () => {
  expect(reconnectDelay(0, 1, 10)).toBe(1);
  const times = Array.from({ length: 10_000 }, (_, index) => reconnectDelay(index, 10_000, 10));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBe(1);
  expect(times.at(-1)).toBeLessThan(11);
  expect(times.filter((time) => time < 6)).toHaveLength(5_000);
});
