import type { Timing } from "../../../src/client/timing.ts";

/** The client library's time, which stands still until a test moves it. */
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

  /** Moves time on by `milliseconds`, and runs what falls due on the way, in order, each at its own moment. */
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
