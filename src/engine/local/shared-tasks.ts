import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { type RunOnOneNode, taskPollMs } from "../../core/ports/shared-tasks.ts";

/** Returns the port for shared tasks of a single node, which always has the lease. */
export function localTasks(clock: Clock, emit: Emit): RunOnOneNode {
  return (name, intervalMs, task) => {
    const controller = new AbortController();
    let generation = 0;
    let dueAt = clock.now();
    let running: Promise<void> | undefined;
    const run = async () => {
      try {
        await task({ signal: controller.signal, generation: ++generation });
        dueAt = clock.now() + intervalMs;
      } catch (error) {
        if (!controller.signal.aborted) emit("task.failed", { task: name, error: String(error) });
      } finally {
        running = undefined;
      }
    };
    const stop = clock.every(taskPollMs(intervalMs), () => {
      if (running === undefined && clock.now() >= dueAt) running = run();
    });
    return async () => {
      stop();
      controller.abort();
      await running;
    };
  };
}
