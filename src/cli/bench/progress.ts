import { escapeControlChars } from "../../core/harmless.ts";
import { drawBar } from "../print.ts";
import { progressText } from "./report.ts";
import type { Run } from "./run.ts";

/** How often the bar is drawn, in milliseconds. */
const INTERVAL = 200;

/** Draws on standard error how far a run is, where that is a terminal, until `end` is called. */
export function showProgress(run: Run): { end(): void } {
  const { stderr } = process;
  if (!stderr.isTTY || process.env.TERM === "dumb") return { end() {} };
  const start = performance.now();
  const draw = () => {
    const seconds = (performance.now() - start) / 1000;
    const line = progressText(run.share(), run.tally.acked, seconds, run.tally.failed);
    drawBar(escapeControlChars(line).slice(0, (stderr.columns || 80) - 1));
  };
  const timer = setInterval(draw, INTERVAL);
  let isOver = false;
  return {
    end() {
      if (isOver) return;
      isOver = true;
      clearInterval(timer);
      drawBar("");
    },
  };
}
