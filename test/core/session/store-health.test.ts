import { expect, test } from "bun:test";
import {
  closeForLostMessages,
  HEALTH_INTERVAL_MS,
  HealthNotices,
  STORE_UNAVAILABLE,
} from "../../../src/core/session/store-health.ts";

test("L3 clients hear that the store is away, and that it is back", () => {
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

test("L3 a store that flaps does not flood them, and the last they hear is so", () => {
  const health = new HealthNotices(true);
  const told: [number, string][] = [];
  for (let now = 0; now < 10_000; now += 10) {
    if (now < 5_000) health.update(now % 20 === 0);
    const news = health.nextFrame(now);
    if (news !== undefined) told.push([now, news.type]);
  }
  for (let i = 1; i < told.length; i++)
    expect(told[i]![0] - told[i - 1]![0]).toBeGreaterThanOrEqual(HEALTH_INTERVAL_MS);
  expect(told.at(-1)?.[1]).toBe("degraded");
});

test("L3 a server that starts without its store says so", () => {
  expect(new HealthNotices(false).nextFrame(0)).toMatchObject({ type: "degraded" });
});

test("L3 D5 who cannot be let in, and who was shown what is lost, may come back", () => {
  expect(STORE_UNAVAILABLE).toMatchObject({ code: 1013, error: { code: "unavailable" } });
  expect(closeForLostMessages(2)).toMatchObject({ code: 1012, retryAfter: 2 });
});
