import { expect, test } from "bun:test";
import { type TimerEntry, TimingWheel } from "../../../src/server/socket/timing-wheel.ts";
import { WriteBatcher } from "../../../src/server/socket/write-batcher.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

test("RT-2 one connection that cannot be flushed does not block the flushing of others", async () => {
  const failed: unknown[] = [];
  const flushed: string[] = [];
  const outbox = new WriteBatcher<{ flush(): void }>((_, error) => failed.push(error));
  const error = new Error("an error");
  outbox.add({ flush: () => flushed.push("first") });
  outbox.add({
    flush() {
      throw error;
    },
  });
  outbox.add({ flush: () => flushed.push("last") });
  await Promise.resolve();
  expect(flushed).toEqual(["first", "last"]);
  expect(failed).toEqual([error]);
});

test("RT-2 one connection that throws on its timer delays no other", () => {
  const clock = new ManualClock();
  const failed: TimerEntry[] = [];
  const called: string[] = [];
  const wheel = new TimingWheel<TimerEntry>(clock, (timed) => failed.push(timed));
  const faulty: TimerEntry = {
    wheelSlot: -1,
    onDue() {
      throw new Error("an error");
    },
  };
  wheel.schedule(faulty, clock.now() + 500);
  wheel.schedule({ wheelSlot: -1, onDue: () => called.push("other") }, clock.now() + 500);
  clock.advance(600);
  expect(called).toEqual(["other"]);
  expect(failed).toEqual([faulty]);
});

test("I1 the wheel fires late by at most a slot and never early, also a full turn ahead", () => {
  const clock = new ManualClock();
  const start = clock.now();
  const wheel = new TimingWheel<TimerEntry>(clock, () => {});
  for (const delay of [1, 99, 100, 101, 25_000, 102_000]) {
    let at: number | undefined;
    wheel.schedule({ wheelSlot: -1, onDue: (now) => (at ??= now) }, clock.now() + delay);
    const began = clock.now();
    clock.advance(delay + 200);
    expect(at! - began).toBeGreaterThanOrEqual(delay);
    expect(at! - began).toBeLessThanOrEqual(delay + 200);
  }
  expect(clock.now()).toBeGreaterThan(start);
});
