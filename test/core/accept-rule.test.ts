import { describe, expect, test } from "bun:test";
import { AcceptRule } from "../../src/core/accept-rule.ts";

describe("RT-20 a server with a limit of 256 open files", () => {
  test("stops accepting while a sixteenth of the descriptors is left, or none", () => {
    for (const lowestFree of [3, 239]) expect(new AcceptRule(256).mustPause(lowestFree)).toBe(false);
    for (const lowestFree of [240, 255, undefined])
      expect(new AcceptRule(256).mustPause(lowestFree)).toBe(true);
    // At most 64 stay free.
    expect(new AcceptRule(1_048_576).mustPause(1_048_511)).toBe(false);
    expect(new AcceptRule(1_048_576).mustPause(1_048_512)).toBe(true);
  });

  test("pauses for a second at least, and until more descriptors are free than at the pause", () => {
    const rule = new AcceptRule(256);
    expect(rule.isCountDue(5_000)).toBe(false);
    rule.paused(5_000);
    expect([rule.isPaused, rule.mustPause(undefined)]).toEqual([true, false]);
    expect([rule.isCountDue(5_999), rule.isCountDue(6_000)]).toEqual([false, true]);
    expect([undefined, 240, 232, 231].map((open) => rule.mayResume(open))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    rule.resumed();
    expect([rule.isPaused, rule.isCountDue(9_000)]).toEqual([false, false]);
  });
});
