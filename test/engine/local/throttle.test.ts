import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { LocalThrottle } from "../../../src/engine/local/throttle.ts";
import { throttleContract } from "../../contracts/throttle.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

throttleContract("one node", async (clock, limits) => ({
  throttle: new LocalThrottle(limits, clock),
  async [Symbol.asyncDispose]() {},
}));

// 12,000 names of 16 KB took 400 MB, and there is room for 50,000.
test("B3 long names use no more memory than short ones", async () => {
  const throttle = new LocalThrottle(
    { failures: 5, window: 300_000, attemptsPerMinute: 30 },
    new ManualClock(),
  );
  const size = () => {
    Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    return heapSize + extraMemorySize;
  };
  const before = size();
  for (let i = 0; i < 2000; i++) {
    const name = Buffer.alloc(16_000, `${i} `).toString("latin1");
    await throttle.attempt(name, `192.0.2.${i % 250}`);
    await throttle.failed(name, `192.0.2.${i % 250}`);
  }
  // The names alone have 32 MB.
  expect(size() - before).toBeLessThan(8 * 1024 * 1024);
});
