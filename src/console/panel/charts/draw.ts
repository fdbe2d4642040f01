// Drawing with uPlot: a file of its own, which the page loads when charts are looked at for the first time.
import uPlot from "uplot";
import type { Values } from "./samples.ts";

/** One line of a chart. */
export interface Line {
  readonly label: string;
  /** The custom property that has its colour: `--tone-0`. */
  readonly colour: string;
  /** Lengths of strokes and gaps, so that a line is known without its colour. */
  readonly dash?: readonly number[];
}

export interface Drawing {
  /** Draws `values`, one list for each line, over `times` in seconds since 1970. */
  update(times: readonly number[], values: readonly Values[]): void;
  remove(): void;
}

export interface DrawParts {
  readonly lines: readonly Line[];
  /** A time below the chart, from seconds since 1970: `19:22:05`. */
  time(seconds: number): string;
  /** A value at the side of the chart: `1.2 KiB`. */
  words(value: number): string;
  /** Is told which of the times is pointed at, and undefined when none is. */
  point(index: number | undefined): void;
}

/** Of a chart, in CSS pixels. */
const HEIGHT = 150;

/** Least room between two lines across, in CSS pixels. */
const LINE_SPACE = 28;

/** Charts that show the same point of time when one of them is pointed at. */
const TOGETHER = "charts";

/** Draws a chart as wide as `place`, in the colours of the page, which change with the scheme. */
export function draw(place: HTMLElement, { lines, time, words, point }: DrawParts): Drawing {
  const colour = (name: string) => getComputedStyle(place).getPropertyValue(name);
  const axis = (size: number, values: uPlot.Axis.Values): uPlot.Axis => ({
    size,
    values,
    font: `11px ${colour("--sans")}`,
    stroke: () => colour("--soft"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1, size: 4 },
  });
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: TOGETHER } },
      // From nothing up, so that a height means an amount.
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        axis(30, (_, times) => times.map(time)),
        {
          ...axis(60, (_, values) => values.map((value) => (value === 0 ? "0" : words(value)))),
          space: LINE_SPACE,
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          width: 1.5,
          stroke: () => colour(line.colour),
          points: { show: true, size: 3 },
          ...(line.dash && { dash: [...line.dash] }),
        })),
      ],
      hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? undefined)] },
    },
    [[], ...lines.map(() => [])],
    place,
  );
  const sized = new ResizeObserver(() => {
    if (place.clientWidth !== chart.width) chart.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  sized.observe(place);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => chart.redraw(false);
  scheme.addEventListener("change", redraw);
  return {
    update: (times, values) => chart.setData([[...times], ...values.map((line) => [...line])]),
    remove() {
      sized.disconnect();
      scheme.removeEventListener("change", redraw);
      chart.destroy();
    },
  };
}
