import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import {
  isTaskLeaseSafe,
  type RunOnOneNode,
  type SharedTaskName,
  type StopTask,
  TASK_LEASE_MS,
  TASK_RENEWAL_MS,
  type TaskRun,
  taskPollMs,
} from "../../core/ports/shared-tasks.ts";
import type { RedisClient } from "./connection/client.ts";
import { Script } from "./connection/script.ts";

export interface RedisTasksDeps {
  readonly client: RedisClient;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Returns the port for nodes that share a Redis: the lease of a task is a key that expires. */
export function redisTasks(deps: RedisTasksDeps): RunOnOneNode {
  return (name, intervalMs, task) => {
    const shared = new SharedTask(deps, name, intervalMs, task);
    return () => shared.stop();
  };
}

const leaseScript = new Script("connection/task-lease");

/** A shared task on one node: polls for its lease, and renews the lease while the task runs. */
class SharedTask {
  private readonly stopPolling: () => void;
  private readonly stopped = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly deps: RedisTasksDeps,
    private readonly name: SharedTaskName,
    private readonly intervalMs: number,
    private readonly task: (run: TaskRun) => Promise<void>,
  ) {
    this.stopPolling = deps.clock.every(taskPollMs(intervalMs), () => this.poll());
  }

  stop: StopTask = async () => {
    this.stopPolling();
    this.stopped.abort();
    await this.running;
  };

  private poll(): void {
    if (this.running !== undefined || !this.deps.client.ready) return;
    this.running = this.runIfDue()
      .catch((error) => this.onError(error))
      .finally(() => {
        this.running = undefined;
      });
  }

  private async runIfDue(): Promise<void> {
    // The time is taken before Redis sets the lease, so the lease ends for this node before it ends in Redis.
    const askedAt = this.deps.clock.now();
    const generation = await this.call("acquire", TASK_LEASE_MS);
    if (generation === 0) return;
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.stopped.signal]);
    const stopRenewing = this.keepRenewing(askedAt + TASK_LEASE_MS, lost);
    let succeeded = false;
    try {
      if (!signal.aborted) await this.task({ signal, generation });
      // A run that was aborted has not done its work.
      succeeded = !signal.aborted;
    } catch (error) {
      if (!signal.aborted) this.onError(error);
    } finally {
      stopRenewing();
    }
    if (succeeded) await this.call("finish", this.intervalMs);
    else await this.call("release", 0);
  }

  /** Renews the lease until the returned function is called. Aborts `lost` if another node has the lease, or may soon have it. */
  private keepRenewing(heldUntil: number, lost: AbortController): () => void {
    const { clock } = this.deps;
    let until = heldUntil;
    const renew = async () => {
      if (!isTaskLeaseSafe(clock.now(), until)) return lost.abort();
      const askedAt = clock.now();
      try {
        if ((await this.call("renew", TASK_LEASE_MS)) === 0) lost.abort();
        else until = Math.max(until, askedAt + TASK_LEASE_MS);
      } catch {
        // The next renewal tries again until the lease ends. The client logs that Redis is unavailable.
      }
    };
    return clock.every(TASK_RENEWAL_MS, () => void renew());
  }

  private async call(
    what: "acquire" | "renew" | "release" | "finish",
    milliseconds: number,
  ): Promise<number> {
    const {
      client,
      client: { keys, node },
    } = this.deps;
    const names = [
      keys.taskKey(this.name, "lease"),
      keys.taskKey(this.name, "done"),
      keys.globalKey("tasks"),
    ];
    return Number(await client.run(leaseScript, names, [what, node, this.name, milliseconds]));
  }

  private onError(error: unknown): void {
    if (this.deps.client.ready) this.deps.emit("task.failed", { task: this.name, error: String(error) });
  }
}
