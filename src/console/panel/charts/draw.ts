// Draws with uPlot. The page loads this file when charts are opened for the first time.
import uPlot from "uplot";
import type { SampleValues } from "./samples.ts";

/** One line of a chart. */
export interface SeriesStyle {
  readonly label: string;
  /** The custom property of its colour: `--tone-0`. */
  readonly color: string;
  /** Lengths of dashes and gaps, so that lines can be distinguished without colours. */
  readonly dash?: readonly number[];
}

export interface Drawing {
  /** Draws `values`, one list for each line, over `times` in seconds since 1970. */
  update(times: readonly number[], values: readonly SampleValues[]): void;
  remove(): void;
}

export interface DrawOptions {
  readonly series: readonly SeriesStyle[];
  /** Formats a time on the axis, from seconds since 1970: `19:22:05`. */
  time(seconds: number): string;
  /** Formats a value on the axis: `1.2 KiB`. */
  formatValue(value: number): string;
  /** Called with the index of the time under the pointer; undefined without one. */
  onPoint(index: number | undefined): void;
}

/** Height of a chart, in CSS pixels. */
const HEIGHT_PX = 150;

/** Smallest distance between two grid lines, in CSS pixels. */
const MIN_GRID_SPACE_PX = 28;

/** The group of charts that share the pointer's time. */
const CURSOR_SYNC_KEY = "charts";

/** Draws a chart with the width of `place`, in the colours of the page, which change with the colour scheme. */
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
      // The axis starts at 0, so that heights are comparable.
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
