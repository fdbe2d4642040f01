import { expect, test } from "bun:test";
import { ReplayBuffer } from "../../../../../src/server/socket/conversation/recent/replay-buffer.ts";

const frames = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `frame ${first + i}`);

test("D4 the buffer returns the following frames, and undefined if it does not reach back", () => {
  const ring = new ReplayBuffer(10);
  expect(ring.after(10)).toEqual([]);
  expect(ring.after(9)).toBeUndefined();
  ring.add(11, "frame 11");
  ring.add(12, "frame 12");
  expect(ring.after(10)).toEqual(frames(11, 12));
  expect(ring.after(11)).toEqual(frames(12, 12));
  expect(ring.after(9)).toBeUndefined();
});

test("D4 a page from the store joins the buffer, without a hole and without a repeat", () => {
  const ring = new ReplayBuffer(10);
  ring.add(11, "frame 11");
  ring.prepend(10, frames(6, 10));
  expect(ring.after(5)).toEqual(frames(6, 11));
  // The same page once more, one that overlaps, and one with a hole before what is there.
  ring.prepend(10, frames(6, 10));
  ring.prepend(7, frames(2, 7));
  ring.prepend(3, frames(1, 3));
  expect(ring.after(5)).toEqual(frames(6, 11));
  expect(ring.after(4)).toBeUndefined();
  ring.prepend(5, frames(4, 5));
  expect(ring.after(3)).toEqual(frames(4, 11));
});

test("B1 the buffer keeps the newest 64 frames, from either source", () => {
  const ring = new ReplayBuffer(300);
  ring.prepend(300, frames(101, 300));
  expect(ring.after(236)).toEqual(frames(237, 300));
  expect(ring.after(235)).toBeUndefined();
  ring.add(301, "frame 301");
  expect(ring.after(236)).toBeUndefined();
  expect(ring.after(237)).toEqual(frames(238, 301));
  const long = new ReplayBuffer(0);
  for (let seq = 1; seq <= 3; seq++) long.add(seq, "x".repeat(100_000));
  expect(long.after(2)).toHaveLength(1);
  expect(long.after(1)).toBeUndefined();
});
