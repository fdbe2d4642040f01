import { expect, test } from "bun:test";
import { FaultySocket } from "../../../src/server/faults/faulty-socket.ts";
import type { Socket } from "../../../src/server/socket/connection-deps.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A socket that records its calls; effects of the runtime do not happen. */
function lineOn(clock: ManualClock, send?: () => number) {
  const calls: string[] = [];
  const socket: Socket = {
    sendText: send ?? ((frame) => calls.push(frame)),
    cork: () => undefined as never,
    getBufferedAmount: () => 0,
    ping: () => calls.push("ping"),
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    close: (code) => void calls.push(`close ${code}`),
    terminate: () => void calls.push("terminate"),
  };
  const failed = (error: unknown) => void calls.push(`failed ${error}`);
  const line = new FaultySocket(socket, clock, {
    drained: () => void calls.push("drained"),
    thawed: () => void calls.push("thawed"),
    failed,
  });
  return { line, calls };
}

test("B1 frames behind a close are kept until a limit, however long it waits", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  line.freeze(60_000);
  expect(line.sendText("a")).toBe(-1);
  line.close(1013, "");
  const unsent = line.getBufferedAmount();
  expect(unsent).toBe(1);
  for (let i = 0; i < 100; i++) expect(line.sendText("b")).toBe(0);
  expect(line.getBufferedAmount()).toBe(unsent);
  clock.advance(60_000);
  expect(calls).toEqual(["pause", "resume", "thawed", "a", "close 1013", "drained"]);
});

test("B2 a socket with much held back is read again when half of it was delivered", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  line.delay(1_000);
  let done = 0;
  for (let i = 0; i < 300; i++) {
    clock.advance(1);
    line.receive(10, () => done++);
  }
  expect(calls).toEqual(["pause"]);
  // Of 300 the last came 1 s before all were delivered; with 170 delivered more than half of the limit is free.
  clock.advance(870);
  expect(done).toBeWithin(160, 171);
  expect(calls).toEqual(["pause"]);
  clock.advance(15);
  expect(calls).toEqual(["pause", "resume"]);
  line.receive(2 * 1024 * 1024, () => done++);
  expect(calls).toEqual(["pause", "resume", "pause"]);
});

test("a socket paused for two reasons is read when both have ended", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  line.pause();
  line.freeze(1_000);
  line.resume();
  expect(calls).toEqual(["pause"]);
  line.pause();
  clock.advance(1_000);
  expect(calls).toEqual(["pause", "thawed"]);
  line.resume();
  expect(calls).toEqual(["pause", "thawed", "resume"]);
});

test("a shorter delay does not reorder frames under way", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  line.delay(1_000);
  line.sendText("a");
  line.ping();
  line.delay(100);
  line.sendText("b");
  clock.advance(95);
  expect(calls).toEqual([]);
  clock.advance(5);
  expect(calls).toEqual(["a", "ping", "b", "drained"]);
});

test("a frame that the runtime drops ends the connection, so that it leaves no hole", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  const full = lineOn(clock, () => 0);
  for (const one of [line, full.line]) {
    one.delay(10);
    one.sendText("a");
    one.sendText("b");
  }
  clock.advance(10);
  expect(calls).toEqual(["a", "b", "drained"]);
  expect(full.calls).toEqual(["terminate"]);
});

test("an exception on release is reported, and delays nothing else", () => {
  const clock = new ManualClock();
  const { line, calls } = lineOn(clock);
  line.delay(10);
  line.receive(1, () => {
    throw new Error("broken");
  });
  line.receive(1, () => calls.push("next"));
  clock.advance(15);
  expect(calls).toEqual(["failed Error: broken", "next"]);
});
