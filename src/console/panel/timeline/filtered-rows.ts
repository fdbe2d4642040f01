import type { Frame } from "../../wire/frame.ts";
import type { FrameLog } from "../../wire/frame-log.ts";

/** Numbers that are gone are taken from the list once there are so many, since each time would cost as much. */
const COMPACT_AT = 10_000;

/** The frames that a filter lets through, by their place from the top. */
export interface Rows {
  readonly count: number;
  /** The frame in row `index`, counted from 0. */
  frameAt(index: number): Frame | undefined;
  /** The row of the first frame whose number is not below `number`. */
  indexOf(number: number): number;
}

/**
 * Keeps the rows of a log that grows at its end and loses at its front.
 *
 * Each frame is asked once: `matches` is called for those that came since the last call, and for all when it is another function. Frames
 * after `upTo` are left out.
 */
export function createRows(
  log: FrameLog,
): (matches: ((frame: Frame) => boolean) | undefined, upTo: number) => Rows {
  let lastMatches: ((frame: Frame) => boolean) | undefined;
  let numbers: number[] = [];
  /** How many of `numbers` are gone from the log. */
  let gone = 0;
  let checkedTo = 0;

  function update(matches: (frame: Frame) => boolean): void {
    if (matches !== lastMatches) {
      lastMatches = matches;
      numbers = [];
      gone = 0;
      checkedTo = 0;
    }
    for (let number = Math.max(checkedTo + 1, log.first); number <= log.last; number++) {
      if (matches(log.get(number)!)) numbers.push(number);
    }
    checkedTo = log.last;
    while (gone < numbers.length && numbers[gone]! < log.first) gone++;
    if (gone < COMPACT_AT) return;
    numbers.splice(0, gone);
    gone = 0;
  }

  /** The place in `numbers` of the first that is not below `number`. */
  function lowerBound(number: number): number {
    let [low, high] = [gone, numbers.length];
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
    const start = gone;
    return {
      count: lowerBound(upTo + 1) - start,
      frameAt: (index) => log.get(numbers[start + index] ?? -1),
      indexOf: (number) => lowerBound(number) - start,
    };
  };
}
