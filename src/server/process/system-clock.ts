import type { Clock } from "../../core/ports/clock.ts";
import { TurnTime } from "./turn-time.ts";

/** The two clocks of the machine, both in milliseconds: `wall` since 1970, `monotonic` since any moment. */
export interface ClockSources {
  wall(): number;
  monotonic(): number;
}

const MACHINE: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() };

/** The machine's time as the port wants it. */
export function systemClock(sources: ClockSources = MACHINE): Clock {
  const offset = sources.wall() - sources.monotonic();
  let latest = offset;
  const wall = () => {
    const now = sources.wall();
    latest = Math.max(latest, now - sources.monotonic());
    return now;
  };
  const now = () => Math.floor(sources.monotonic() + offset);
  const turnTime = new TurnTime(now);
  return {
    now,
    turn: () => turnTime.now(),
    wall,
    latest: () => {
      wall();
      return Math.floor(sources.monotonic() + latest);
    },
    every(milliseconds, task) {
      const timer = setInterval(task, milliseconds);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}
