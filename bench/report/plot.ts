import type { Case } from "../cases.ts";
import { formatFigure } from "./format-figure.ts";
import type { Row } from "./rows.ts";

// Plots as SVG text, without a library: bars for a case, lines for growth. Grey on transparent is readable on a light
// page and on a dark one.
const TEXT_COLOUR = "#7d8590";
const OWN_COLOUR = "#1f9d6b";
const PEER_COLOUR = "#8b949e";
const FONT = `font-family="system-ui, sans-serif" font-size="13"`;

const WIDTH = 760;
const NAME_WIDTH = 140;
const VALUE_WIDTH = 110;
const BAR_HEIGHT = 18;
const ROW_HEIGHT = 28;
const MARGIN_TOP = 40;

/** A bar for each peer with the median; a line over its end reaches from the minimum to the maximum. */
export function barPlot(
  kase: Pick<Case, "title" | "unit" | "better" | "name">,
  rows: readonly Pick<Row, "peer" | "median" | "least" | "most">[],
): string {
  const longest = Math.max(...rows.map(({ most }) => most));
  const scale = (value: number) => NAME_WIDTH + (value / longest) * (WIDTH - NAME_WIDTH - VALUE_WIDTH);
  const bars = rows.map(({ peer, median, least, most }, index) => {
    const y = MARGIN_TOP + index * ROW_HEIGHT;
    const middle = y + BAR_HEIGHT / 2;
    const fill = peer.startsWith("parley") ? OWN_COLOUR : PEER_COLOUR;
    return [
      text(NAME_WIDTH - 8, middle, peer, "end"),
      `<rect x="${NAME_WIDTH}" y="${y}" width="${round(scale(median) - NAME_WIDTH)}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
      `<path d="M${round(scale(least))} ${middle}H${round(scale(most))}" stroke="${TEXT_COLOUR}" stroke-width="2"/>`,
      text(scale(most) + 8, middle, formatFigure(median, { case: kase })),
    ].join("\n");
  });
  const title = `${kase.title} (${kase.better} is better)`;
  return svg(title, MARGIN_TOP + rows.length * ROW_HEIGHT + 8, bars.join("\n"));
}

/** A line of a plot: points with x > 0, or 0 at the left end. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const HEIGHT = 260;
const MARGIN_LEFT = 70;
const MARGIN_RIGHT = 110;
const MARGIN_BOTTOM = 50;

/** Lines over a logarithmic x; y begins at 0, so that flat looks flat and twice looks like twice. */
export function linePlot(title: string, xTitle: string, yUnit: string, series: readonly Series[]): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y)));
  // A value of 0 is drawn one tenth below the minimum of the others.
  const positive = xs.filter((x) => x > 0);
  const log = (x: number) => Math.log10(x > 0 ? x : (positive[0] ?? 10) / 10);
  const [first, last] = [log(xs[0]!), log(xs.at(-1)!)];
  const across = (x: number) =>
    MARGIN_LEFT +
    (last === first ? 0 : ((log(x) - first) / (last - first)) * (WIDTH - MARGIN_LEFT - MARGIN_RIGHT));
  const up = (y: number) => HEIGHT - MARGIN_BOTTOM - (y / most) * (HEIGHT - MARGIN_BOTTOM - MARGIN_TOP);
  const axes = [
    `<path d="M${MARGIN_LEFT} ${MARGIN_TOP}V${HEIGHT - MARGIN_BOTTOM}H${WIDTH - MARGIN_RIGHT}" fill="none" stroke="${TEXT_COLOUR}"/>`,
    ...xs.map((x) => text(across(x), HEIGHT - MARGIN_BOTTOM + 16, x.toLocaleString("en-US"), "middle")),
    text((MARGIN_LEFT + WIDTH - MARGIN_RIGHT) / 2, HEIGHT - 12, xTitle, "middle"),
    text(MARGIN_LEFT - 8, up(most), `${Number(most.toPrecision(2))} ${yUnit}`, "end"),
    text(MARGIN_LEFT - 8, up(0), "0", "end"),
  ];
  const drawn = series.flatMap(({ name, points }) => {
    const colour = name.startsWith("parley") ? OWN_COLOUR : PEER_COLOUR;
    const coordinates = points.map(([x, y]) => [round(across(x)), round(up(y))] as const);
    const [endX, endY] = coordinates.at(-1)!;
    return [
      `<polyline points="${coordinates.map((place) => place.join(",")).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...coordinates.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`),
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
  return `<text x="${round(x)}" y="${round(y)}" fill="${TEXT_COLOUR}" text-anchor="${anchor}" dominant-baseline="middle">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
