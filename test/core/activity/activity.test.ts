import { describe, expect, test } from "bun:test";
import { ActivityWindow, HALF_WINDOW_MS } from "../../../src/core/activity/activity-window.ts";
import { FrequentItems, mostFrequent } from "../../../src/core/activity/frequent-items.ts";
import { LogHistogram } from "../../../src/core/activity/log-histogram.ts";
import {
  decodeShared,
  encodeShared,
  gatherActivity,
  type SharedActivity,
} from "../../../src/core/activity/node-activity.ts";
import { webhookActivity } from "../../../src/core/webhooks/lag.ts";
import type { StoredWebhook } from "../../../src/core/webhooks/webhook.ts";
import { nearestRank } from "../../../src/protocol/nearest-rank.ts";
import { Random } from "../../support/random.ts";

describe("OP1 the names that come most", () => {
  test("are exact as long as there is room for all names", () => {
    const items = new FrequentItems(4);
    for (const name of "abacabad") items.add(name);
    expect(items.error).toBe(0);
    expect(mostFrequent([items], 3)).toEqual([
      { name: "a", count: 4 },
      { name: "b", count: 2 },
      { name: "c", count: 1 },
    ]);
  });

  test("are found among many thousands, in bounded memory, and no count is wrong by more than is said", () => {
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const capacity = random.between(8, 64);
      const items = new FrequentItems(capacity);
      const exact = new Map<string, number>();
      const all = 40_000;
      for (let i = 0; i < all; i++) {
        // A few names come often, most of them once or twice.
        const name =
          random.next() < 0.5 ? `often-${random.between(0, 4)}` : `rare-${random.between(0, 20_000)}`;
        items.add(name);
        exact.set(name, (exact.get(name) ?? 0) + 1);
      }
      const kept = [...items.items()];
      expect(kept.length).toBeLessThanOrEqual(2 * capacity);
      expect(items.error).toBeLessThanOrEqual(all / (capacity + 1));
      for (const { name, count } of kept) {
        expect(count).toBeLessThanOrEqual(exact.get(name)!);
        expect(count).toBeGreaterThanOrEqual(exact.get(name)! - items.error);
      }
      const names = new Set(kept.map(({ name }) => name));
      for (const [name, count] of exact) if (count > items.error) expect(names).toContain(name);
      const top = mostFrequent([items], 5).map(({ name }) => name);
      expect(top.sort()).toEqual([0, 1, 2, 3, 4].map((each) => `often-${each}`));
    }
  });
});

test("OP1 a quantile is the measured time, or at most 9 % more, whatever the size of the times", () => {
  const random = new Random(7);
  const histogram = new LogHistogram();
  const times = Array.from({ length: 5_000 }, () => 10 ** (random.next() * 7 - 2.5));
  for (const time of times) histogram.observe(time);
  const sorted = Float64Array.from(times).sort();
  for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
    const exact = nearestRank(sorted, share)!;
    expect(histogram.quantile(share)).toBeGreaterThanOrEqual(exact * 0.9999);
    expect(histogram.quantile(share)).toBeLessThanOrEqual(exact * 1.0906);
  }
  expect(histogram.max).toBe(sorted.at(-1)!);
  expect(new LogHistogram().quantile(0.5)).toBe(0);
});

test("OP1 what is older than two halves of the window does not count", () => {
  const window = new ActivityWindow(0);
  window.message("anna", "lobby", 4);
  window.advance(HALF_WINDOW_MS);
  window.message("ben", "lobby", undefined);
  expect(window.summary(HALF_WINDOW_MS + 3_000)).toMatchObject({
    length: 8_000,
    conversations: [{ name: "lobby", rate: 0.25 }],
    users: [
      { name: "anna", rate: 0.125 },
      { name: "ben", rate: 0.125 },
    ],
  });
  expect(window.summary(HALF_WINDOW_MS).acks.count).toBe(1);
  window.advance(2 * HALF_WINDOW_MS);
  expect(window.summary(2 * HALF_WINDOW_MS)).toMatchObject({ users: [{ name: "ben" }] });
});

test("OP1 the numbers of all nodes are put together, and nodes without any are named", () => {
  const shared = (node: string, at: number, lag: number) =>
    ({
      node,
      at,
      feed: { webhooks: [{ id: "w", state: "active", lag, retries: 0 }] },
    }) as unknown as SharedActivity;
  const answer = gatherActivity([shared("b", 5, 7), shared("a", 3, 9)], ["c", "a", "b"], 6);
  expect(answer).toEqual({
    at: 6,
    nodes: [{ node: "a", at: 3 } as never, { node: "b", at: 5 } as never],
    silent: ["c"],
    feed: { webhooks: [{ id: "w", state: "active", lag: 7, retries: 0 }] },
  });
  expect(decodeShared(encodeShared(shared("a", 1, 1)))).toEqual(shared("a", 1, 1));
  expect(decodeShared('2 {"node":"of a later version"}')).toBeUndefined();
  expect(decodeShared("1 {")).toBeUndefined();
});

test("EV2 the lag of a webhook is the age of the oldest event that its receiver lacks, whether a node sends or not", () => {
  const webhook = (status: object, progress: object) =>
    ({ id: "w", status, progress: { retries: [], position: "p", ...progress } }) as unknown as StoredWebhook;
  const active = { state: "active" };
  expect(webhookActivity(webhook(active, {}), undefined, 9_000)).toEqual({
    ...{ id: "w", state: "active", lag: 0, retries: 0 },
  });
  // Written by the sender, which knows more than the position says.
  expect(webhookActivity(webhook(active, { waitingSince: 4_000 }), 1_000, 9_000).lag).toBe(5);
  // No node sends.
  expect(webhookActivity(webhook(active, {}), 2_000, 9_000).lag).toBe(7);
  expect(webhookActivity(webhook(active, { since: 8_000 }), 2_000, 9_000).lag).toBe(1);
  const paused = webhook(
    { state: "paused", reason: "failing", at: 1 },
    { lastFailure: { at: 2, reason: "500" } },
  );
  expect(webhookActivity(paused, 3_000, 9_000)).toEqual({
    ...{ id: "w", state: "paused", reason: "failing", lag: 6, retries: 0, failure: "500" },
  });
  // A receiver that does not accept an event: also when no more is sent, but not where an operator has paused it.
  const tried = { retries: [{ since: 5_000 }, { since: 2_000 }] };
  for (const [status, age] of [
    [active, 7],
    [{ state: "paused", reason: "failing", at: 1 }, 7],
    [{ state: "paused", reason: "operator", at: 1 }, undefined],
    [{ state: "ended", at: 1 }, undefined],
  ] as const)
    expect(webhookActivity(webhook(status, tried), undefined, 9_000).retry_age).toBe(age!);
  expect(webhookActivity(webhook({ state: "ended", at: 1 }, { waitingSince: 1 }), 3_000, 9_000).lag).toBe(0);
  const recovered = { lastFailure: { at: 2, reason: "500" }, lastSuccess: { at: 3, event: "e" } };
  expect(webhookActivity(webhook(active, recovered), undefined, 9_000)).not.toHaveProperty("failure");
});
