import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/**
 * Lowers the priority of this thread by `nice` steps of the scheduler (1–19). Each step reduces its share of a busy core by a
 * fifth. Does nothing except on Linux, where each thread has its own priority.
 */
export function lowerThreadPriority(nice: number): void {
  if (process.platform !== "linux") return;
  try {
    // `1234/task/1240`: a thread can read its own id only here.
    const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    if (thread > 0) setPriority(thread, nice);
  } catch {
    // If /proc is not mounted, or the system forbids the change, the thread keeps its normal priority.
  }
}
