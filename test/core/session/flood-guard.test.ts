import { expect, test } from "bun:test";
import {
  type BurstRule,
  consumeFrame,
  type FloodVerdict,
  fullBucket,
  secondsToRefill,
} from "../../../src/core/session/flood-guard.ts";

const RULE: BurstRule = { rate: 20, size: 40 };

/** Verdicts on `count` frames that come `gap` milliseconds apart. */
function verdicts(rule: BurstRule, count: number, gap = 0): FloodVerdict[] {
  let bucket = fullBucket(rule, 0);
  return Array.from({ length: count }, (_, i) => {
    const taken = consumeFrame(bucket, rule, i * gap);
    bucket = taken.bucket;
    return taken.verdict;
  });
}

test("M2 a bucketful passes at once, the next three cause one warning each, and then the connection is closed", () => {
  const all = verdicts(RULE, 161);
  const warned = all.flatMap((verdict, i) => (verdict === "warn" ? [i + 1] : []));
  expect(warned).toEqual([41, 81, 121]);
  expect(all.indexOf("close")).toBe(160);
});

test("M2 the exact rate can be kept up for ever", () => {
  expect(new Set(verdicts(RULE, 10_000, 50))).toEqual(new Set(["pass"]));
});

test("M2 a little over the rate causes three warnings, and a close in the end", () => {
  // Each threshold is crossed downwards by every frame and upwards by every refill while the level hovers around it: at
  // 22 frames a second that had been ten warnings a threshold, at 20.1 a warning for every frame for minutes.
  const all = verdicts(RULE, 10_000, 45);
  expect(all).toContain("close");
  expect(all.slice(0, all.indexOf("close")).filter((verdict) => verdict === "warn")).toHaveLength(3);
});

test("M2 a client that pauses after a warning gets the whole bucket back, and no more than that", () => {
  let bucket = fullBucket(RULE, 0);
  for (let i = 0; i < 100; i++) ({ bucket } = consumeFrame(bucket, RULE, 0));
  const wait = secondsToRefill(bucket, RULE);
  expect(wait).toBe(5);
  for (const rest of [wait * 1000, 3_600_000]) {
    let rested = bucket;
    const after = Array.from({ length: 41 }, () => {
      const taken = consumeFrame(rested, RULE, rest);
      rested = taken.bucket;
      return taken.verdict;
    });
    expect(after.filter((verdict) => verdict === "pass")).toHaveLength(40);
    expect(after.at(-1)).toBe("warn");
  }
});

test("M2 a rate of 0 turns the guard off", () => {
  expect(new Set(verdicts({ rate: 0, size: 1 }, 10_000))).toEqual(new Set(["pass"]));
});

test("M2 a bucket is a value: taking a frame does not change the old one", () => {
  const full = fullBucket(RULE, 0);
  consumeFrame(full, RULE, 10);
  expect(full).toEqual({ level: 40, updatedAt: 0, warnings: 0 });
});
