import { expect, test } from "bun:test";
import { FaultySocket } from "../../../src/server/faults/faulty-socket.ts";
import type { Socket } from "../../../src/server/socket/connection-deps.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A line on a socket that notes what it is told; what the runtime would do on its own does not happen. */
function lineOn(clock: ManualClock, send?: () => number) {
  const told: string[] = [];
  const socket: Socket = {
    sendText: send ?? ((frame) => told.push(frame)),
    cork: () => undefined as never,
    getBufferedAmount: () => 0,
    ping: () => told.push("ping"),
    pause: () => void told.push("pause"),
    resume: () => void told.push("resume"),
    close: (code) => void told.push(`close ${code}`),
    terminate: () => void told.push("terminate"),
  };
  const failed = (error: unknown) => void told.push(`failed ${error}`);
  const line = new FaultySocket(socket, clock, {
    drained: () => void told.push("drained"),
    thawed: () => void told.push("thawed"),
    failed,
  });
  return { line, told };
}

test("B1 behind a close that waits nothing more is kept, however long it waits", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  line.freeze(60_000);
  expect(line.sendText("a")).toBe(-1);
  line.close(1013, "");
  const unsent = line.getBufferedAmount();
  expect(unsent).toBe(1);
  for (let i = 0; i < 100; i++) expect(line.sendText("b")).toBe(0);
  expect(line.getBufferedAmount()).toBe(unsent);
  clock.advance(60_000);
  expect(told).toEqual(["pause", "resume", "thawed", "a", "close 1013", "drained"]);
});

test("B2 a socket of which much is held back is read again when half of it has gone", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  line.delay(1_000);
  let done = 0;
  for (let i = 0; i < 300; i++) {
    clock.advance(1);
    line.receive(10, () => done++);
  }
  expect(told).toEqual(["pause"]);
  // Of 300 the last came 1 s before all have gone; with 170 gone there is more than half of what may wait.
  clock.advance(870);
  expect(done).toBeWithin(160, 171);
  expect(told).toEqual(["pause"]);
  clock.advance(15);
  expect(told).toEqual(["pause", "resume"]);
  line.receive(2 * 1024 * 1024, () => done++);
  expect(told).toEqual(["pause", "resume", "pause"]);
});

test("a socket that is paused for two reasons is read when both are gone", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  line.pause();
  line.freeze(1_000);
  line.resume();
  expect(told).toEqual(["pause"]);
  line.pause();
  clock.advance(1_000);
  expect(told).toEqual(["pause", "thawed"]);
  line.resume();
  expect(told).toEqual(["pause", "thawed", "resume"]);
});

test("a shorter delay does not let anything overtake what is under way", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  line.delay(1_000);
  line.sendText("a");
  line.ping();
  line.delay(100);
  line.sendText("b");
  clock.advance(95);
  expect(told).toEqual([]);
  clock.advance(5);
  expect(told).toEqual(["a", "ping", "b", "drained"]);
});

test("a frame that the runtime drops ends the line, so that no hole comes of it", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  const full = lineOn(clock, () => 0);
  for (const one of [line, full.line]) {
    one.delay(10);
    one.sendText("a");
    one.sendText("b");
  }
  clock.advance(10);
  expect(told).toEqual(["a", "b", "drained"]);
  expect(full.told).toEqual(["terminate"]);
});

test("what throws when it is let go is told, and nothing else is held up", () => {
  const clock = new ManualClock();
  const { line, told } = lineOn(clock);
  line.delay(10);
  line.receive(1, () => {
    throw new Error("broken");
  });
  line.receive(1, () => told.push("next"));
  clock.advance(15);
  expect(told).toEqual(["failed Error: broken", "next"]);
});
