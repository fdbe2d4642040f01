import { drawStatusLine, printNote } from "../terminal/print.ts";
import type { Progress } from "./run.ts";

const BAR_WIDTH = 24;
/** How often the bar is drawn, and a line is printed where there is no terminal, in milliseconds. */
const DRAW_INTERVAL_MS = 200;
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
  const { stderr } = process;
  const isTerminal = stderr.isTTY && process.env.TERM !== "dumb";
  let [what, from, since, shownAt] = ["", 0, 0, 0];
  return {
    show(progress) {
      const now = performance.now();
      if (progress.what !== what) [what, from, since, shownAt] = [progress.what, progress.done, now, 0];
      const interval = isTerminal ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS;
      if (now - shownAt < interval) return;
      shownAt = now;
      const line = progressLine(progress, from, (now - since) / 1000);
      if (isTerminal) drawStatusLine(line.slice(0, (stderr.columns || 80) - 1));
      else printNote(line);
    },
    end() {
      if (isTerminal) drawStatusLine("");
    },
  };
}
