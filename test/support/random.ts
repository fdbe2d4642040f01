/** Random numbers that a seed repeats (mulberry32, Tommy Ettinger, public domain), for tests that must fail twice alike. */
export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number with `least` ≤ n ≤ `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)]!;
  }
}

/** Whether tests take their long form (TEST_LONG=true, `npm run test:long`). */
export const isLong = process.env.TEST_LONG === "true";

/** Further seeds of each random test in the long form. */
const EXTRA_SEEDS = 4;

/**
 * The seeds of a random test: the first half of `fixed`; in the long form all, and some new ones, too; or SEED of the
 * environment alone, to repeat a run that failed. The title of the test names its seed.
 */
export function seeds(...fixed: number[]): number[] {
  if (process.env.SEED !== undefined) return [Number(process.env.SEED)];
  if (!isLong) return fixed.slice(0, Math.ceil(fixed.length / 2));
  return [...fixed, ...Array.from({ length: EXTRA_SEEDS }, () => Math.floor(Math.random() * 2 ** 31))];
}
