// Messages that others write right now, as rows above the prompt of a terminal.
import type { Entry } from "../../client/index.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";

/** Rows that all of them may take together: the messages before stay on the screen. */
const MAX_ROWS = 6;

/** Returns a line for each message that is being written, at most `columns` × MAX_ROWS wide in all: of a long text its end. */
export function growingLines(entries: readonly Entry[], columns: number): readonly string[] {
  const growing = entries.filter(({ state }) => state === "streaming").slice(-MAX_ROWS);
  const width = Math.floor(MAX_ROWS / growing.length) * columns;
  return growing.map(({ from, text }) => {
    const head = `${escapeControlChars(from)} writes: `;
    return head + endOf(text, width - Bun.stringWidth(head));
  });
}

/** The end of a text in one line, which takes at most `width` columns. */
function endOf(text: string, width: number): string {
  // A character takes a column or two, or is a part of one before it. What is far from the end is not looked at.
  const near = text.slice(-8 * width);
  const line = near
    .split(/\s*\n\s*/)
    .map(escapeControlChars)
    .join(" ⏎ ");
  if (near.length === text.length && Bun.stringWidth(line) <= width) return line;
  let left = width - 1;
  const kept: string[] = [];
  for (const { segment } of [...new Intl.Segmenter().segment(line)].reverse()) {
    left -= Bun.stringWidth(segment);
    if (left < 0) break;
    kept.unshift(segment);
  }
  return `…${kept.join("")}`;
}

/** Returns the message that `/stop` means: the newest that answers one of the user's own, else the newest. */
export function messageToStop(entries: readonly Entry[]): Entry | undefined {
  const growing = entries.filter(({ state }) => state === "streaming");
  const own = new Set(entries.flatMap((entry) => (entry.own && entry.seq !== undefined ? [entry.seq] : [])));
  return growing.findLast(({ reply_to }) => own.has(reply_to ?? 0)) ?? growing.at(-1);
}
