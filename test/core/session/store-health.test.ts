import { expect, test } from "bun:test";
import {
  closeForLostMessages,
  HEALTH_INTERVAL_MS,
  HealthNotices,
  STORE_UNAVAILABLE,
} from "../../../src/core/session/store-health.ts";

test("L3 clients are notified when the store becomes unavailable, and when it is back", () => {
  const health = new HealthNotices(true);
  expect(health.nextFrame(0)).toBeUndefined();
  expect(health.initialFrame).toBeUndefined();
  health.update(false);
  expect(health.nextFrame(0)).toMatchObject({ type: "degraded" });
  expect(health.nextFrame(1)).toBeUndefined();
  expect(health.initialFrame).toMatchObject({ type: "degraded" });
  health.update(true);
  expect(health.nextFrame(HEALTH_INTERVAL_MS)).toMatchObject({ type: "recovered" });
  expect(health.initialFrame).toBeUndefined();
});

test("L3 an unstable store does not flood them, and the last notice is right", () => {
  const health = new HealthNotices(true);
  const reported: [number, string][] = [];
  for (let now = 0; now < 10_000; now += 10) {
    if (now < 5_000) health.update(now % 20 === 0);
    const news = health.nextFrame(now);
    if (news !== undefined) reported.push([now, news.type]);
  }
  for (let i = 1; i < reported.length; i++)
    expect(reported[i]![0] - reported[i - 1]![0]).toBeGreaterThanOrEqual(HEALTH_INTERVAL_MS);
  expect(reported.at(-1)?.[1]).toBe("degraded");
});

test("L3 a server that starts without its store reports it", () => {
  expect(new HealthNotices(false).nextFrame(0)).toMatchObject({ type: "degraded" });
});

test("L3 D5 a client that cannot be admitted, or that has seen lost messages, may reconnect", () => {
  expect(STORE_UNAVAILABLE).toMatchObject({ code: 1013, error: { code: "unavailable" } });
  expect(closeForLostMessages(2)).toMatchObject({ code: 1012, retryAfter: 2 });
});
