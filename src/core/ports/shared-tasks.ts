/** One run of a task, on the node that has its lease. */
export interface TaskRun {
  /**
   * Aborted when this node loses the lease or stops. The task MUST then end soon, because another node may begin. The aborted
   * run may still go on for a moment, so either a task MUST be harmless when it runs twice at once, or it MUST pass
   * `generation` on to the place where it writes.
   */
  readonly signal: AbortSignal;
  /** Increases with each run of the task, over all nodes, so that a receiver can refuse writes of an older run. */
  readonly generation: number;
}

/** Ends a task on this node: aborts a run that is under way and resolves when it has ended. */
export type StopTask = () => Promise<void>;

/**
 * Runs `task` about every `intervalMs` on one of the nodes that share the store.
 *
 * MUST NOT begin it on one node while the lease of another one lasts. The next run MUST NOT begin before `intervalMs` have
 * passed since the end of the last one that succeeded, also when that was on another node. When a node dies in a run, or
 * is cut off from the store, another node MUST begin within `TASK_LEASE_MS` and a poll (`taskPollMs`). A run that rejects
 * is reported as the event `task.failed` and is tried again with the next poll. While the store is away nothing begins.
 *
 * `name` is one of the names of `SharedTaskName`; a node runs a task of a name at most once at a time.
 */
export type RunOnOneNode = (
  name: SharedTaskName,
  intervalMs: number,
  task: (run: TaskRun) => Promise<void>,
) => StopTask;

/** The tasks that one node carries out for all nodes. */
export type SharedTaskName = "retention" | "erasing" | "webhooks" | "events" | "persons" | "unread";

/** How long the lease of a task lasts without a renewal, in milliseconds. */
export const TASK_LEASE_MS = 30_000;

/** How often a node renews its lease of a task that runs, in milliseconds. */
export const TASK_RENEWAL_MS = TASK_LEASE_MS / 6;

/** Returns how often a node checks whether a task is due, in milliseconds. */
export function taskPollMs(intervalMs: number): number {
  return Math.min(intervalMs, 60_000);
}

/**
 * Returns whether a node may still rely on a lease that lasts until `heldUntil`. It may until one renewal interval before
 * that, so that the node ends its run before another node can begin. Both are in milliseconds of the node's own clock.
 */
export function isTaskLeaseSafe(now: number, heldUntil: number): boolean {
  return now < heldUntil - TASK_RENEWAL_MS;
}
