import type { Clock } from "../../../src/core/ports/clock.ts";

interface Task {
  readonly period: number;
  readonly run: () => void;
  due: number;
}

/** A clock that only a test advances. */
export class ManualClock implements Clock {
  private time: number;
  /** How far the machine's clock is off from the time passed since the start, in milliseconds. */
  private wallOffset = 0;
  private maxWallOffset = 0;
  private readonly tasks = new Set<Task>();

  /** Begins at `start`, milliseconds since 1970; the default is a round moment in 2025. */
  constructor(start = Date.UTC(2025, 0, 1)) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  turn(): number {
    return this.time;
  }

  wall(): number {
    return this.time + this.wallOffset;
  }

  /** Sets the machine's clock forward by so many milliseconds, or back. */
  step(milliseconds: number): void {
    this.wallOffset += milliseconds;
    this.maxWallOffset = Math.max(this.maxWallOffset, this.wallOffset);
  }

  latest(): number {
    return this.time + this.maxWallOffset;
  }

  every(milliseconds: number, run: () => void): () => void {
    const task: Task = { period: milliseconds, run, due: this.time + milliseconds };
    this.tasks.add(task);
    return () => void this.tasks.delete(task);
  }

  /** Advances time by `milliseconds` and runs the tasks that fall due, in order, each at its own time. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (let next = this.earliest(end); next !== undefined; next = this.earliest(end)) {
      this.time = next.due;
      next.due += next.period;
      next.run();
    }
    this.time = end;
  }

  /** Moves time on as on a machine that slept: each task that fell due on the way runs once, at the end. */
  jump(milliseconds: number): void {
    this.time += milliseconds;
    for (const task of [...this.tasks]) {
      if (task.due > this.time) continue;
      task.due = this.time + task.period;
      task.run();
    }
  }

  /** The task due first, at `end` at the latest; of two at one moment, the one begun first. */
  private earliest(end: number): Task | undefined {
    let earliest: Task | undefined;
    for (const task of this.tasks)
      if (task.due <= end && (earliest === undefined || task.due < earliest.due)) earliest = task;
    return earliest;
  }
}
