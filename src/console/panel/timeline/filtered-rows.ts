import type { Frame } from "../../wire/frame.ts";
import type { FrameLog } from "../../wire/frame-log.ts";

/** Dropped numbers are removed from the list in batches of this size, because each removal is expensive. */
const COMPACT_AT = 10_000;

/** The frames that match a filter, by row from the top. */
export interface Rows {
  readonly count: number;
  /** The frame in row `index`, counted from 0. */
  frameAt(index: number): Frame | undefined;
  /** Returns the row of the first frame whose number is not below `number`. */
  indexOf(number: number): number;
}

/**
 * Tracks the matching rows of a log that grows at its end and is trimmed at its start.
 *
 * Each frame is tested once: `matches` is called for frames that are new since the last call, and for all if it is another
 * function. Frames after `upTo` are excluded.
 */
export function createRows(
  log: FrameLog,
): (matches: ((frame: Frame) => boolean) | undefined, upTo: number) => Rows {
  let lastMatches: ((frame: Frame) => boolean) | undefined;
  let numbers: number[] = [];
  /** How many of `numbers` were dropped from the log. */
  let dropped = 0;
  let checkedTo = 0;

  function update(matches: (frame: Frame) => boolean): void {
    if (matches !== lastMatches) {
      lastMatches = matches;
      numbers = [];
      dropped = 0;
      checkedTo = 0;
    }
    for (let number = Math.max(checkedTo + 1, log.first); number <= log.last; number++) {
      if (matches(log.get(number)!)) numbers.push(number);
    }
    checkedTo = log.last;
    while (dropped < numbers.length && numbers[dropped]! < log.first) dropped++;
    if (dropped < COMPACT_AT) return;
    numbers.splice(0, dropped);
    dropped = 0;
  }

  /** Returns the index in `numbers` of the first that is not below `number`. */
  function lowerBound(number: number): number {
    let [low, high] = [dropped, numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return (matches, upTo) => {
    if (matches === undefined) {
      const { first } = log;
      return {
        count: Math.max(0, Math.min(log.last, upTo) - first + 1),
        frameAt: (index) => log.get(first + index),
        indexOf: (number) => Math.max(0, number - first),
      };
    }
    update(matches);
    const start = dropped;
    return {
      count: lowerBound(upTo + 1) - start,
      frameAt: (index) => log.get(numbers[start + index] ?? -1),
      indexOf: (number) => lowerBound(number) - start,
    };
  };
}
