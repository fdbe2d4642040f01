import { expect, test } from "bun:test";
import { distribution, formatMs, roundedJson } from "../../../src/cli/stats/distribution.ts";
import { Random, seeds } from "../../support/random.ts";

test("of 1 to 1000, in any order, each percentile is the number it names", () => {
  const samples = Array.from({ length: 1000 }, (_, index) => ((index * 7) % 1000) + 1);
  expect(distribution(samples)).toEqual({
    ...{ count: 1000, min: 1, mean: 500.5, p50: 500, p90: 900, p99: 990, p999: 999, max: 1000 },
  });
});

test("of few samples every percentile is one of them; without samples there is no distribution", () => {
  expect(distribution([])).toBeUndefined();
  expect(distribution([7])).toEqual({ count: 1, min: 7, mean: 7, p50: 7, p90: 7, p99: 7, p999: 7, max: 7 });
  expect(distribution([2, 1])).toMatchObject({ p50: 1, p90: 2, p999: 2 });
});

test.each(seeds(1, 2, 3))(
  "so many samples do not pass a percentile, and no smaller one has so many (seed %d)",
  (seed) => {
    const random = new Random(seed);
    const samples = Array.from({ length: random.between(1, 500) }, () => random.between(1, 100));
    const { p50, p90, p99 } = distribution(samples)!;
    for (const [share, value] of [
      [0.5, p50],
      [0.9, p90],
      [0.99, p99],
    ] as const) {
      const upTo = (limit: number) => samples.filter((sample) => sample <= limit).length;
      expect(upTo(value)).toBeGreaterThanOrEqual(share * samples.length - 1e-6);
      expect(upTo(value - 1)).toBeLessThan(share * samples.length);
    }
  },
);

test("times are shown with three figures, and written to the microsecond", () => {
  expect([0.4249, 9.994, 12.34, 99.96, 250.4, 999.6, 1250].map(formatMs)).toEqual([
    ...["0.42 ms", "9.99 ms", "12.3 ms", "100.0 ms", "250 ms", "1.00 s", "1.25 s"],
  ]);
  expect(roundedJson({ a: 1.23456, b: [2], c: null, d: "x" })).toBe('{"a":1.235,"b":[2],"c":null,"d":"x"}');
});
