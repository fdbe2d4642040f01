// Drawing with uPlot: a file of its own, which the page loads when charts are looked at for the first time.
import uPlot from "uplot";
import type { SampleValues } from "./samples.ts";

/** One line of a chart. */
export interface SeriesStyle {
  readonly label: string;
  /** The custom property that has its colour: `--tone-0`. */
  readonly color: string;
  /** Lengths of strokes and gaps, so that a line is known without its colour. */
  readonly dash?: readonly number[];
}

export interface Drawing {
  /** Draws `values`, one list for each line, over `times` in seconds since 1970. */
  update(times: readonly number[], values: readonly SampleValues[]): void;
  remove(): void;
}

export interface DrawOptions {
  readonly series: readonly SeriesStyle[];
  /** A time below the chart, from seconds since 1970: `19:22:05`. */
  time(seconds: number): string;
  /** A value at the side of the chart: `1.2 KiB`. */
  formatValue(value: number): string;
  /** Is told which of the times is pointed at, and undefined when none is. */
  onPoint(index: number | undefined): void;
}

/** Of a chart, in CSS pixels. */
const HEIGHT_PX = 150;

/** Least room between two lines across, in CSS pixels. */
const MIN_GRID_SPACE_PX = 28;

/** Charts that show the same point of time when one of them is pointed at. */
const CURSOR_SYNC_KEY = "charts";

/** Draws a chart as wide as `place`, in the colours of the page, which change with the scheme. */
export function draw(container: HTMLElement, { series, time, formatValue, onPoint }: DrawOptions): Drawing {
  const color = (name: string) => getComputedStyle(container).getPropertyValue(name);
  const axis = (size: number, values: uPlot.Axis.Values): uPlot.Axis => ({
    size,
    values,
    font: `11px ${color("--sans")}`,
    stroke: () => color("--soft"),
    grid: { stroke: () => color("--line"), width: 1 },
    ticks: { stroke: () => color("--line"), width: 1, size: 4 },
  });
  const chart = new uPlot(
    {
      width: container.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: CURSOR_SYNC_KEY } },
      // From nothing up, so that a height means an amount.
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        axis(30, (_, times) => times.map(time)),
        {
          ...axis(60, (_, values) => values.map((value) => (value === 0 ? "0" : formatValue(value)))),
          space: MIN_GRID_SPACE_PX,
        },
      ],
      series: [
        {},
        ...series.map((line) => ({
          label: line.label,
          width: 1.5,
          stroke: () => color(line.color),
          points: { show: true, size: 3 },
          ...(line.dash && { dash: [...line.dash] }),
        })),
      ],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
    },
    [[], ...series.map(() => [])],
    container,
  );
  const sized = new ResizeObserver(() => {
    if (container.clientWidth !== chart.width)
      chart.setSize({ width: container.clientWidth, height: HEIGHT_PX });
  });
  sized.observe(container);
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
