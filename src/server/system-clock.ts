import type { Clock } from "../core/clock.ts";

/** The two clocks of the machine, both in milliseconds: `wall` since 1970, `monotonic` since any moment. */
export interface ClockSources {
  wall(): number;
  monotonic(): number;
}

const MACHINE: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() };

/**
 * How far the wall clock may be ahead before it is followed, in milliseconds. Monotonic time stands still while a
 * machine sleeps; without the jump, tokens that expired meanwhile would count as good.
 */
const FOLLOW_AFTER = 1000;

/** How often the wall clock is looked at, in milliseconds of monotonic time: time is asked for with every frame. */
const LOOK_EVERY = 100;

/** The machine's time as the port wants it: it follows the wall clock forward, and never back. */
export function systemClock(sources: ClockSources = MACHINE): Clock {
  let offset = sources.wall() - sources.monotonic();
  let last = 0;
  let lookAt = 0;
  return {
    now() {
      const monotonic = sources.monotonic();
      if (monotonic >= lookAt) {
        lookAt = monotonic + LOOK_EVERY;
        const ahead = sources.wall() - (monotonic + offset);
        if (ahead > FOLLOW_AFTER) offset += ahead;
      }
      last = Math.max(last, Math.floor(monotonic + offset));
      return last;
    },
    every(milliseconds, task) {
      const timer = setInterval(task, milliseconds);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}
