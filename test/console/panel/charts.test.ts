import { describe, expect, test } from "bun:test";
import { createSamples, MAX_SAMPLES_S } from "../../../src/console/panel/charts/samples.ts";
import type { Direction, Frame } from "../../../src/console/wire/frame.ts";

/** A frame at `at` milliseconds. */
function frame(client: string, at: number, direction: Direction, type: string, roundTrip?: number): Frame {
  const notes = { marks: [], ...(roundTrip !== undefined && { roundTrip }) };
  return { number: 1, client, at, direction, type, bytes: 1, text: "", annotations: notes };
}

/** Some frames of two clients in the seconds 10 and 12. */
function someSamples() {
  const samples = createSamples();
  for (const each of [
    frame("ann", 10_000, "out", "message"),
    frame("ann", 10_100, "in", "message"),
    frame("ann", 10_110, "in", "ack", 110),
    frame("ben", 10_999, "in", "message"),
    frame("ann", 12_500, "out", "message"),
    frame("ann", 12_700, "in", "ack", 200),
    frame("ben", 12_600, "out", "typing"),
    frame("ben", 12_800, "in", "pong", 5),
  ])
    samples.note(each);
  return samples;
}

describe("samples", () => {
  test("count messages and ack times by the second, of all requested clients", () => {
    const both = someSamples().read(["ann", "ben"], 10, 13);
    expect(both.times).toEqual([10, 11, 12]);
    expect(both.sent).toEqual([1, 0, 1]);
    expect(both.received).toEqual([2, 0, 0]);
    expect(both.p50).toEqual([110, null, 200]);
    expect(both.acks).toEqual([110, 200]);
    const ben = someSamples().read(["ben"], 10, 13);
    expect([ben.sent, ben.received, ben.p99]).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [null, null, null],
    ]);
  });

  test("a quota holds until another one comes, also one from before the range", () => {
    const samples = createSamples();
    samples.measure("ann", 5_000, { unsent: 0, quota: 100 });
    samples.measure("ann", 11_200, { unsent: 0, quota: 98 });
    samples.measure("ann", 11_900, { unsent: 0, quota: 97 });
    samples.measure("ben", 12_000, { unsent: 0 });
    const { quota } = samples.read(["ann", "ben"], 10, 13);
    expect([...quota]).toEqual([
      ["ann", [100, 97, 97]],
      ["ben", [null, null, null]],
    ]);
  });

  test("a quota without changes stays known", () => {
    const samples = createSamples();
    for (let second = 0; second <= 3 * MAX_SAMPLES_S; second++)
      samples.measure("ann", second * 1000, { unsent: 0, quota: 100 });
    samples.note(frame("ann", 3 * MAX_SAMPLES_S * 1000, "out", "message"));
    expect(samples.read(["ann"], 3 * MAX_SAMPLES_S, 3 * MAX_SAMPLES_S + 1).quota.get("ann")).toEqual([100]);
  });

  test("of waiting messages a second shows the maximum, summed over clients", () => {
    const samples = createSamples();
    samples.measure("ann", 10_000, { unsent: 500 });
    samples.measure("ann", 10_200, { unsent: 900 });
    samples.measure("ann", 10_400, { unsent: 100 });
    samples.measure("ben", 10_400, { unsent: 50 });
    expect(samples.read(["ann", "ben"], 10, 12).unsent).toEqual([950, 0]);
  });

  test("a frame counts in the second in which it was seen, however late it is reported", () => {
    const samples = someSamples();
    samples.note(frame("ann", 11_000, "out", "message"));
    expect(samples.read(["ann"], 10, 13).sent).toEqual([1, 1, 1]);
  });

  test("samples older than the longest range are dropped, and all of them on clear", () => {
    const samples = someSamples();
    samples.note(frame("ann", (12 + MAX_SAMPLES_S) * 1000, "out", "message"));
    expect(samples.read(["ann"], 10, 13).sent).toEqual([0, 0, 0]);
    samples.clear();
    expect(samples.read(["ann"], 12 + MAX_SAMPLES_S, 13 + MAX_SAMPLES_S).sent).toEqual([0]);
  });
});
