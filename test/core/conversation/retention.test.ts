import { expect, test } from "bun:test";
import { retentionFloor, UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import { Random, seeds } from "../../support/random.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2025, 0, 100);

type Case = readonly [
  what: string,
  head: { seq: number; first: number },
  limits: { messages: number; days: number },
  oldest: number,
];

/** Message n of these conversations was stored n days after the first of the year; now is day 100. */
const CASES: readonly Case[] = [
  ["no limit", { seq: 50, first: 1 }, UNLIMITED_RETENTION, 1],
  ["no limit, and some are gone already", { seq: 50, first: 7 }, UNLIMITED_RETENTION, 7],
  ["a number that is not reached", { seq: 50, first: 1 }, { messages: 50, days: 0 }, 1],
  ["a number that is passed by one", { seq: 51, first: 1 }, { messages: 50, days: 0 }, 2],
  ["one message", { seq: 50, first: 1 }, { messages: 1, days: 0 }, 50],
  ["a number below which more are gone", { seq: 50, first: 40 }, { messages: 20, days: 0 }, 40],
  ["an age that none has", { seq: 50, first: 1 }, { messages: 0, days: 100 }, 1],
  ["an age to the millisecond", { seq: 99, first: 1 }, { messages: 0, days: 10 }, 90],
  ["an age that all have", { seq: 50, first: 1 }, { messages: 0, days: 10 }, 51],
  ["both, the number is narrower", { seq: 99, first: 1 }, { messages: 5, days: 10 }, 95],
  ["both, the age is narrower", { seq: 99, first: 1 }, { messages: 20, days: 10 }, 90],
  ["a conversation of which nothing is left", { seq: 50, first: 51 }, { messages: 5, days: 5 }, 51],
  ["an unused conversation", { seq: 0, first: 1 }, { messages: 5, days: 5 }, 1],
];

for (const [what, head, limits, oldest] of CASES)
  test(`D5 retention with ${what}`, () => {
    const timeOf = (seq: number) => NOW - (100 - seq) * DAY;
    expect(retentionFloor(head, limits, NOW, timeOf)).toBe(oldest);
  });

test("D5 a message without a known time does not cause the removal of others", () => {
  expect(retentionFloor({ seq: 9, first: 1 }, { messages: 0, days: 1 }, NOW, () => undefined)).toBe(1);
});

for (const seed of seeds(41, 42))
  test(`D5 retention by age finds the same edge as a full scan, with few reads (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      let time = NOW - 100 * DAY;
      const times = Array.from({ length: random.between(0, 400) }, () => {
        time += random.between(0, 2) * random.between(0, DAY);
        return time;
      });
      const days = random.between(1, 120);
      const young = times.findIndex((at) => at >= NOW - days * DAY);
      let reads = 0;
      const timeOf = (seq: number) => {
        reads++;
        return times[seq - 1];
      };
      const oldest = retentionFloor({ seq: times.length, first: 1 }, { messages: 0, days }, NOW, timeOf);
      expect(oldest).toBe(young === -1 ? times.length + 1 : young + 1);
      expect(reads).toBeLessThan(12);
    }
  });
