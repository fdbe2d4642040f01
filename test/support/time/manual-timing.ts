import type { Timing } from "../../../src/client/timing.ts";

/** The client library's clock, which only a test advances. */
export class ManualTiming implements Timing {
  private time = 1_000;
  private readonly tasks = new Set<{ readonly due: number; readonly run: () => void }>();

  now(): number {
    return this.time;
  }

  after(milliseconds: number, run: () => void): () => void {
    const task = { due: this.time + Math.max(milliseconds, 0), run };
    this.tasks.add(task);
    return () => void this.tasks.delete(task);
  }

  /** Advances time by `milliseconds`, and runs the tasks that fall due, in order, each at its own time. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const [next] = [...this.tasks].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.time = next.due;
      this.tasks.delete(next);
      next.run();
    }
    this.time = end;
  }
}
