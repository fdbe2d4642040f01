import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { drawStatusLine } from "./print.ts";

/** How often the line is drawn, in milliseconds. */
const DRAW_INTERVAL_MS = 200;
/** Width of a bar, in characters. */
const BAR_WIDTH = 24;

/** Returns whether standard error is a terminal on which one line can be drawn again and again. */
export function canDrawProgress(): boolean {
  return process.stderr.isTTY && process.env.TERM !== "dumb";
}

/** Draws the line that `format` returns on standard error again and again, if that is a terminal, until `end` is called. */
export function showProgressLine(format: () => string): { end(): void } {
  const { stderr } = process;
  if (!canDrawProgress()) return { end() {} };
  const draw = () => drawStatusLine(escapeControlChars(format()).slice(0, (stderr.columns || 80) - 1));
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

/** Returns a bar of blocks with the percentage; `share` is between 0 and 1. */
export function progressBar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return `${bar} ${Math.floor(Math.min(1, share) * 100)} %`;
}
