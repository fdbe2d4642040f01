import type { Case } from "../cases.ts";

/** Three digits that count, two of a time: `98.7 k/s`, `2.41 M/s`, `5,120 B`, `2.1 ×`, `0.92 ms`. */
export function formatFigure(
  value: number,
  { case: { unit } }: { readonly case: Pick<Case, "unit"> },
): string {
  if (unit === "×") return `${value.toFixed(1)} ×`;
  if (unit === "ms") return `${Number(value.toPrecision(2))} ms`;
  if (unit === "B") return `${Math.round(value).toLocaleString("en-US")} B`;
  if (value < 1000) return `${Number(value.toPrecision(3))} ${unit}`;
  const [scaled, prefix] = value >= 1e6 ? [value / 1e6, " M"] : [value / 1e3, " k"];
  return `${Number(scaled.toPrecision(3))}${prefix}${unit}`;
}
