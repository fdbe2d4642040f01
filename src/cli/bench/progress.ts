import { showProgressLine } from "../terminal/progress-line.ts";
import { progressText } from "./report.ts";
import type { BenchRun } from "./run.ts";

/** Draws a progress bar on standard error, if that is a terminal, until `end` is called. */
export function showProgress(run: BenchRun): { end(): void } {
  const start = performance.now();
  return showProgressLine(() => {
    const seconds = (performance.now() - start) / 1000;
    return progressText(run.progress(), run.counters.acked, seconds, run.counters.failed);
  });
}
