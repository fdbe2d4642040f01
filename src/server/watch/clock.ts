import type { Emit } from "../../core/events/events.ts";
import { CLOCK_STEP_MS, type Clock } from "../../core/ports/clock.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";

/** How often the machine's clock is looked at, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

export interface ClockWatchDeps {
  readonly clock: Clock;
  readonly registry: Pick<ConnectionRegistry<Connection>, "all">;
  readonly emit: Emit;
}

/**
 * Notices when the machine's clock is set, or when the machine has slept, and tells the log and the open connections:
 * their tokens end at moments. Returns a function that stops it.
 */
export function watchClock({ clock, registry: directory, emit }: ClockWatchDeps): () => void {
  let offset = clock.wall() - clock.now();
  return clock.every(CHECK_INTERVAL_MS, () => {
    // Read also while nobody asks for the time: the clock remembers the latest moment.
    const by = clock.wall() - clock.now() - offset;
    offset += by;
    if (Math.abs(by) <= CLOCK_STEP_MS) return;
    emit("clock.stepped", {
      seconds: Math.round(by) / 1000,
      advice: "The machine's clock was set, or the machine slept. Have it follow a time server (NTP).",
    });
    for (const connection of directory.all()) connection.clockStepped(by);
  });
}
