import { AcceptRule } from "../../core/accept-rule.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { type Listener, ListenFailed } from "../listener.ts";
import { countOpenFiles, lowestFreeDescriptor, openFilesLimit } from "../process/open-files.ts";

/** How often the lowest free descriptor is read, in milliseconds: the runtime's busy loop lasts at most that long. */
const CHECK_INTERVAL_MS = 100;

export interface OpenFilesWatchDeps {
  readonly listener: Pick<Listener<unknown>, "pause" | "resume">;
  readonly clock: Clock;
  readonly emit: Emit;
}

/**
 * Stops to listen while the process has nearly no file descriptor left, and listens again when there are some. Open sockets and
 * requests stay. Returns a function that stops it. Does nothing where the system does not report the limit.
 */
export function watchOpenFiles({ listener, clock, emit }: OpenFilesWatchDeps): () => void {
  const limit = openFilesLimit();
  if (limit === undefined) return () => {};
  const rule = new AcceptRule(limit);
  const resume = (now: number) => {
    try {
      listener.resume();
    } catch (error) {
      if (!(error instanceof ListenFailed)) throw error;
      rule.paused(now);
      emit("limit.open_files_reached", { open_files: limit, reason: error.message });
      return;
    }
    rule.resumed();
    emit("limit.open_files_free", { open_files: limit });
  };
  return clock.every(CHECK_INTERVAL_MS, () => {
    const now = clock.now();
    if (rule.isPaused) {
      if (rule.isCountDue(now) && rule.mayResume(countOpenFiles())) resume(now);
    } else if (rule.mustPause(lowestFreeDescriptor())) {
      listener.pause();
      rule.paused(now);
      emit("limit.open_files_reached", { open_files: limit });
    }
  });
}
