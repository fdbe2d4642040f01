import { expect, test } from "bun:test";
import { GcScheduler } from "../../../src/server/process/gc-scheduler.ts";

/** At which of these numbers of open connections, looked at one after the other, it is tidied. */
function tidied(counts: readonly number[]): number[] {
  const tidying = new GcScheduler();
  return counts.filter((open) => tidying.isDue(open));
}

test("B2 memory is tidied once after a rush, and not during it", () => {
  expect(tidied([0, 4_000, 9_000, 15_000, 15_000, 15_000, 15_010])).toEqual([15_000]);
});

test("B2 it is tidied when many have gone, also when all have", () => {
  expect(tidied([15_000, 15_000, 3_000, 0, 0, 0])).toEqual([15_000, 0]);
});

test("B2 it is not tidied for a few, or for those who come and go all day", () => {
  expect(tidied([0, 300, 300, 499, 499])).toEqual([]);
  expect(tidied([10_000, 10_000, 10_050, 9_990, 10_030])).toEqual([10_000]);
});
