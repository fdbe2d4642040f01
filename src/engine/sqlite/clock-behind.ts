import type { Emit } from "../../core/events/events.ts";
import { CLOCK_STEP_MS } from "../../core/ports/clock.ts";
import type { StoreTime } from "../../core/store-time.ts";

/** Warns where the machine's clock is behind the newest entry of the store. */
export function warnOfClockBehind({ aheadOfWall }: StoreTime, emit: Emit): void {
  if (aheadOfWall <= CLOCK_STEP_MS) return;
  const advice =
    "The machine's clock is behind the newest entry in the store; the store goes on with its own time.";
  emit("store.clock_behind", { seconds: aheadOfWall / 1000, advice });
}
