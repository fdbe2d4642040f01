import { expect, test } from "bun:test";
import { GcScheduler } from "../../../src/server/process/gc-scheduler.ts";

/** The numbers of open connections, of a sequence, at which a collection runs. */
function tidied(counts: readonly number[]): number[] {
  const tidying = new GcScheduler();
  return counts.filter((open) => tidying.isDue(open));
}

test("B2 memory is collected once after a rush, and not during it", () => {
  expect(tidied([0, 4_000, 9_000, 15_000, 15_000, 15_000, 15_010])).toEqual([15_000]);
});

test("B2 it is collected when many have disconnected, also when all have", () => {
  expect(tidied([15_000, 15_000, 3_000, 0, 0, 0])).toEqual([15_000, 0]);
});

test("B2 it is not collected for a few, or for regular coming and going", () => {
  expect(tidied([0, 300, 300, 499, 499])).toEqual([]);
  expect(tidied([10_000, 10_000, 10_050, 9_990, 10_030])).toEqual([10_000]);
});
