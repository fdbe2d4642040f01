import { CLOCK_STEP_MS, type Clock } from "./ports/clock.ts";

/**
 * The time of a store on one machine, by which quotas count (Q1). It goes on evenly, follows the machine's clock forward,
 * and never falls behind what is stored: else an hour would hold more requests than the plan has. After a time with a
 * wrong clock it goes back to the right one where nothing was stored meanwhile.
 */
export class StoreTime {
  /** How far it is ahead of `clock.now()`, in milliseconds. */
  private offset: number;

  /** `newest` returns the time of the newest entry in the store, in milliseconds. */
  constructor(
    private readonly clock: Pick<Clock, "now" | "wall">,
    private readonly newest: () => number,
  ) {
    this.offset = Math.max(clock.wall(), newest()) - clock.now();
  }

  /** How far the store's time is ahead of the machine's clock, in milliseconds. */
  get aheadOfWall(): number {
    return this.clock.now() + this.offset - this.clock.wall();
  }

  now(): number {
    const even = this.clock.now();
    const wall = this.clock.wall();
    const behind = wall - even - this.offset;
    if (behind > CLOCK_STEP_MS || (behind < -CLOCK_STEP_MS && this.newest() <= wall))
      this.offset = wall - even;
    return Math.floor(even + this.offset);
  }
}
