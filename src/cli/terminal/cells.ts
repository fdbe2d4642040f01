// Text in the columns of a terminal: a wide character takes two of them, a combining mark none.

/** Returns how many columns a text takes, which MUST have no control characters. */
export function cellWidth(text: string): number {
  return Bun.stringWidth(text);
}

/** Cuts a text to `width` columns; one that is cut ends with `…`. */
export function cutToWidth(text: string, width: number): string {
  if (cellWidth(text) <= width) return text;
  if (width <= 0) return "";
  let left = width - 1;
  let kept = "";
  // A character takes at most two columns, or is a part of one before it. What is far behind is not looked at.
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, 8 * width))) {
    left -= cellWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Cuts or fills a text to exactly `width` columns. */
export function fitToWidth(text: string, width: number, side: "left" | "right" = "left"): string {
  const cut = cutToWidth(text, width);
  const blanks = " ".repeat(Math.max(0, width - cellWidth(cut)));
  return side === "left" ? cut + blanks : blanks + cut;
}

const BARS = "▁▂▃▄▅▆▇█";

/** Returns the newest `width` values as bars, of which the highest is the largest value; 0 is the lowest. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width <= 0 ? [] : values.slice(-width);
  const most = Math.max(...shown, 0);
  return shown.map((value) => BARS[most === 0 ? 0 : Math.min(7, Math.ceil((value / most) * 7))]).join("");
}
