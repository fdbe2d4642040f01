import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { drawStatusLine } from "../terminal/print.ts";
import { progressText } from "./report.ts";
import type { BenchRun } from "./run.ts";

/** How often the bar is drawn, in milliseconds. */
const DRAW_INTERVAL_MS = 200;

/** Draws a progress bar on standard error, if that is a terminal, until `end` is called. */
export function showProgress(run: BenchRun): { end(): void } {
  const { stderr } = process;
  if (!stderr.isTTY || process.env.TERM === "dumb") return { end() {} };
  const start = performance.now();
  const draw = () => {
    const seconds = (performance.now() - start) / 1000;
    const line = progressText(run.progress(), run.counters.acked, seconds, run.counters.failed);
    drawStatusLine(escapeControlChars(line).slice(0, (stderr.columns || 80) - 1));
  };
  const timer = setInterval(draw, DRAW_INTERVAL_MS);
  let isOver = false;
  return {
    end() {
      if (isOver) return;
      isOver = true;
      clearInterval(timer);
      drawStatusLine("");
    },
  };
}
