import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** How often new threads are searched for, in milliseconds; the runtime starts and ends them as it needs them. */
export const THREAD_SCAN_INTERVAL_MS = 2_000;

/**
 * Threads that may wait: compilers, and the one that returns memory. Garbage collectors may not: the event loop waits
 * for them.
 */
const BACKGROUND_THREADS = new Set(["JITWorker", "mi-scavenger"]);

/** In steps of the scheduler (1–19). At 10 a thread gets a tenth of a core that another thread could fill. */
const BACKGROUND_NICE = 10;

/**
 * Has the runtime's own helpers wait for the event loop. Where all share one core, one that compiles holds up
 * messages for its time slice, some three milliseconds. On Linux a thread has a priority of its own; elsewhere nothing is done.
 */
export class ThreadPriorities {
  private known = new Set<string>();

  /** Lowers the priority of those that have come since the last call. */
  lowerPriority(): void {
    if (process.platform !== "linux") return;
    try {
      const threads = new Set(readdirSync("/proc/self/task"));
      for (const thread of threads)
        if (
          !this.known.has(thread) &&
          BACKGROUND_THREADS.has(readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim())
        )
          setPriority(Number(thread), BACKGROUND_NICE);
      this.known = threads;
    } catch {
      // Where /proc is not mounted, or a thread ended meanwhile, they share the core as they always did; next time will do.
    }
  }
}
