import type { Emit } from "../../core/events/events.ts";
import { CLOCK_STEP_MS, type Clock } from "../../core/ports/clock.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";

/** How often the machine's clock is checked, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

export interface ClockWatchDeps {
  readonly clock: Clock;
  readonly registry: Pick<ConnectionRegistry<Connection>, "all">;
  readonly emit: Emit;
}

/**
 * Detects that the machine's clock was set, or that the machine has slept, and notifies the log and the open connections,
 * whose tokens end at a time of that clock. Returns a function that stops it.
 */
export function watchClock({ clock, registry, emit }: ClockWatchDeps): () => void {
  let offset = clock.wall() - clock.now();
  return clock.every(CHECK_INTERVAL_MS, () => {
    // Read also when no other part asks for the time: the clock remembers the latest moment.
    const by = clock.wall() - clock.now() - offset;
    offset += by;
    if (Math.abs(by) <= CLOCK_STEP_MS) return;
    emit("clock.stepped", {
      seconds: Math.round(by) / 1000,
      advice:
        "The machine's clock was set, or the machine slept. Synchronise the clock with a time server (NTP).",
    });
    for (const connection of registry.all()) connection.clockStepped(by);
  });
}
