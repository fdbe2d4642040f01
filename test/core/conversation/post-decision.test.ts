import { expect, test } from "bun:test";
import { decidePost } from "../../../src/core/conversation/post-decision.ts";
import { QUOTA_WINDOW_MS, SlidingWindowLog } from "../../../src/core/conversation/quota.ts";

const NOW = Date.UTC(2025, 0, 1);

test("D3 a repeat gets the first result's seq and time, whatever the quota", () => {
  const log = new SlidingWindowLog();
  log.record(NOW, 5);
  const already = { seq: 7, at: NOW - 1_000 };
  for (const limit of [0, 1, 5, 6])
    expect(decidePost(already, log, limit, NOW)).toEqual({
      outcome: "duplicate",
      seq: 7,
      at: NOW - 1_000,
      quota: log.view(limit, NOW),
    });
});

test("Q2 deciding charges nothing, however often it is called", () => {
  const log = new SlidingWindowLog();
  log.record(NOW);
  for (let i = 0; i < 10; i++) {
    expect(decidePost(undefined, log, 2, NOW)).toEqual({ outcome: "store" });
    expect(decidePost({ seq: 1, at: NOW }, log, 2, NOW).outcome).toBe("duplicate");
    expect(decidePost(undefined, log, 1, NOW).outcome).toBe("rate_limited");
  }
  expect(log.count(NOW)).toBe(1);
});

test("Q1 Q3 a refusal contains the time of the next accepted request and the enforced limit", () => {
  const log = new SlidingWindowLog();
  log.record(NOW);
  log.record(NOW + 250);
  expect(decidePost(undefined, log, 2, NOW + 1_000)).toEqual({
    outcome: "rate_limited",
    retryAfter: QUOTA_WINDOW_MS - 1_000,
    quota: { limit: 2, remaining: 0, reset: (QUOTA_WINDOW_MS - 750) / 1000 },
  });
});

test("Q2 a limit of 0 refuses nothing", () => {
  const log = new SlidingWindowLog();
  log.record(NOW, 1_000_000);
  expect(decidePost(undefined, log, 0, NOW)).toEqual({ outcome: "store" });
});
