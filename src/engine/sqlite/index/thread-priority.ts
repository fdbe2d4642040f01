import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/**
 * Has this thread wait for the others of the machine, by `nice` steps of the scheduler (1–19); its share of a core that is
 * full falls with each by a fifth. On Linux a thread has a priority of its own; elsewhere nothing is done.
 */
export function lowerThreadPriority(nice: number): void {
  if (process.platform !== "linux") return;
  try {
    // `1234/task/1240`: the only place that tells a thread its own number.
    const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    if (thread > 0) setPriority(thread, nice);
  } catch {
    // Where /proc is not mounted or the system forbids it, threads share the core as they always did.
  }
}
