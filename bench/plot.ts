import { amount } from "./amount.ts";
import type { Case } from "./cases.ts";
import type { Row } from "./rows.ts";

// Plots as SVG text, without a library: bars for a case, lines for what grows. Grey on nothing is read on a light page and
// on a dark one.
const TEXT = "#7d8590";
const OURS = "#1f9d6b";
const OTHERS = "#8b949e";
const FONT = `font-family="system-ui, sans-serif" font-size="13"`;

const WIDTH = 760;
const NAMES = 140;
const VALUES = 110;
const BAR = 18;
const STEP = 28;
const TOP = 40;

/** A bar for each peer with the median; a line over its end reaches from the least to the most. */
export function barPlot(
  kase: Pick<Case, "title" | "unit" | "better" | "name">,
  rows: readonly Pick<Row, "peer" | "median" | "least" | "most">[],
): string {
  const longest = Math.max(...rows.map(({ most }) => most));
  const scale = (value: number) => NAMES + (value / longest) * (WIDTH - NAMES - VALUES);
  const bars = rows.map(({ peer, median, least, most }, index) => {
    const y = TOP + index * STEP;
    const middle = y + BAR / 2;
    const fill = peer.startsWith("parley") ? OURS : OTHERS;
    return [
      text(NAMES - 8, middle, peer, "end"),
      `<rect x="${NAMES}" y="${y}" width="${round(scale(median) - NAMES)}" height="${BAR}" fill="${fill}"/>`,
      `<path d="M${round(scale(least))} ${middle}H${round(scale(most))}" stroke="${TEXT}" stroke-width="2"/>`,
      text(scale(most) + 8, middle, amount(median, { case: kase })),
    ].join("\n");
  });
  const title = `${kase.title} (${kase.better} is better)`;
  return svg(title, TOP + rows.length * STEP + 8, bars.join("\n"));
}

/** A line of a plot: points with x > 0, or 0 at the left end. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const HEIGHT = 260;
const LEFT = 70;
const RIGHT = 110;
const BOTTOM = 50;

/** Lines over a logarithmic x; y begins at 0, so that flat looks flat and twice looks like twice. */
export function linePlot(title: string, xTitle: string, yUnit: string, lines: readonly Line[]): string {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  const most = Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y)));
  // Where there is a 0 it stands one tenth below the least of the others.
  const positive = xs.filter((x) => x > 0);
  const log = (x: number) => Math.log10(x > 0 ? x : (positive[0] ?? 10) / 10);
  const [first, last] = [log(xs[0]!), log(xs.at(-1)!)];
  const across = (x: number) =>
    LEFT + (last === first ? 0 : ((log(x) - first) / (last - first)) * (WIDTH - LEFT - RIGHT));
  const up = (y: number) => HEIGHT - BOTTOM - (y / most) * (HEIGHT - BOTTOM - TOP);
  const axes = [
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${TEXT}"/>`,
    ...xs.map((x) => text(across(x), HEIGHT - BOTTOM + 16, x.toLocaleString("en-US"), "middle")),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, xTitle, "middle"),
    text(LEFT - 8, up(most), `${Number(most.toPrecision(2))} ${yUnit}`, "end"),
    text(LEFT - 8, up(0), "0", "end"),
  ];
  const drawn = lines.flatMap(({ name, points }) => {
    const colour = name.startsWith("parley") ? OURS : OTHERS;
    const places = points.map(([x, y]) => [round(across(x)), round(up(y))] as const);
    const [endX, endY] = places.at(-1)!;
    return [
      `<polyline points="${places.map((place) => place.join(",")).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`),
      text(endX + 8, endY, name),
    ];
  });
  return svg(title, HEIGHT, [...axes, ...drawn].join("\n"));
}

function svg(title: string, height: number, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" ${FONT}>
<title>${escaped(title)}</title>
${text(8, 18, title)}
${content}
</svg>
`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end" = "start"): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="${TEXT}" text-anchor="${anchor}" dominant-baseline="middle">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
