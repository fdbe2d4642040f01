import { printNote } from "../terminal/print.ts";
import { canDrawProgress, showProgressLine } from "../terminal/progress-line.ts";
import type { Progress } from "./run.ts";

const BAR_WIDTH = 24;
/** How often a line is printed where there is no terminal, in milliseconds. */
const LINE_INTERVAL_MS = 5_000;

/** Returns a line about a migration; `seconds`: since this phase was begun by this run, when it was at `from`. */
export function progressLine({ what, done, of }: Progress, from: number, seconds: number): string {
  const share = of === 0 ? 1 : done / of;
  const rate = seconds > 0 ? (done - from) / seconds : 0;
  const left = rate > 0 ? `, ${remaining((of - done) / rate)} left` : "";
  const bar = "#".repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, ".");
  return `[${bar}] ${Math.floor(share * 100)} % ${what} ${done.toLocaleString("en")} of ${of.toLocaleString("en")}, ${Math.round(rate).toLocaleString("en")} a second${left}`;
}

function remaining(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return `${Math.ceil(seconds / 60)} min`;
}

/** Shows the progress on standard error: a bar on a terminal, else a line now and then. */
export function showProgress(): { readonly show: (progress: Progress) => void; readonly end: () => void } {
  let latest: Progress | undefined;
  let [from, since, printedAt] = [0, 0, 0];
  const line = () =>
    latest === undefined ? "" : progressLine(latest, from, (performance.now() - since) / 1000);
  const isDrawn = canDrawProgress();
  const drawn = showProgressLine(line);
  return {
    show(progress) {
      const now = performance.now();
      if (progress.what !== latest?.what) [from, since, printedAt] = [progress.done, now, 0];
      latest = progress;
      if (isDrawn || now - printedAt < LINE_INTERVAL_MS) return;
      printedAt = now;
      printNote(line());
    },
    end: () => drawn.end(),
  };
}
