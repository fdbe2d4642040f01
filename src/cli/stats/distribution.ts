import { escapeInvisible } from "../../core/escape-control-chars.ts";
import { nearestRank } from "../../protocol/nearest-rank.ts";

/** How a number of measured times lie, in the unit that they were measured in. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The distribution of `samples`, in any order; undefined of none. */
export function distribution(samples: readonly number[]): Distribution | undefined {
  const sorted = Float64Array.from(samples).sort();
  const [min] = sorted;
  if (min === undefined) return undefined;
  const atShare = (share: number) => nearestRank(sorted, share)!;
  return {
    count: sorted.length,
    min,
    mean: sorted.reduce((sum, sample) => sum + sample, 0) / sorted.length,
    p50: atShare(0.5),
    p90: atShare(0.9),
    p99: atShare(0.99),
    p999: atShare(0.999),
    max: sorted.at(-1)!,
  };
}

/** A time in milliseconds for people, the same number of digits whatever its size: `0.42 ms`, `12.3 ms`, `1.25 s`. */
export function formatMs(time: number): string {
  if (time >= 999.5) return `${(time / 1000).toFixed(2)} s`;
  return `${time.toFixed(time < 10 ? 2 : time < 100 ? 1 : 0)} ms`;
}

/** `value` as JSON with its numbers to a thousandth: a clock shows no more than microseconds. */
export function roundedJson(value: unknown, indent?: number): string {
  const rounded = (_: string, figure: unknown) =>
    typeof figure === "number" ? Math.round(figure * 1000) / 1000 : figure;
  return escapeInvisible(JSON.stringify(value, rounded, indent));
}
