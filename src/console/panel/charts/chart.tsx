import { useEffect, useRef } from "preact/hooks";
import { timeOfDay } from "../../format.ts";
import type { Drawing, SeriesStyle } from "./draw.ts";
import type { Draw } from "./load.ts";
import type { SampleValues } from "./samples.ts";

/** A series, and its values. */
export interface ChartSeries extends SeriesStyle {
  readonly values: SampleValues;
}

interface ChartProps {
  readonly id: string;
  readonly title: string;
  readonly times: readonly number[];
  readonly curves: readonly ChartSeries[];
  readonly draw: Draw;
  /** The index of the time under the pointer; by default the last one is shown. */
  readonly pointed: number | undefined;
  words(value: number): string;
  point(index: number | undefined): void;
}

/** One chart with its title, and the value of each series at the time under the pointer. The table is the accessible alternative. */
export function Chart({ id, title, times, curves, draw, pointed, words, point }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const shape = curves.map(({ label, color }) => `${label} ${color}`).join("\n");
  useEffect(() => {
    drawing.current = draw(place.current!, {
      series: curves,
      time: timeOfDay,
      formatValue: words,
      onPoint: point,
    });
    return () => drawing.current?.remove();
  }, [shape]);
  useEffect(() => {
    drawing.current?.update(
      times,
      curves.map(({ values }) => values),
    );
  });
  return (
    <section class="chart" id={`chart-${id}`} aria-labelledby={`chart-${id}-title`}>
      <div class="chart-head">
        <h2 id={`chart-${id}-title`}>{title}</h2>
        <ul class="chart-lines">
          {curves.map(({ label, color, dash, values }) => (
            <li key={label}>
              <SeriesSwatch color={color} dash={dash} />
              {label} <b>{formatSample(values[pointed ?? values.length - 1], words)}</b>
            </li>
          ))}
        </ul>
      </div>
      <div
        class="chart-place"
        ref={place}
        role="img"
        aria-label={`${title}, drawn; the table has the numbers`}
      />
    </section>
  );
}

/** A sample of the line's style. */
function SeriesSwatch({ color, dash }: Pick<SeriesStyle, "color" | "dash">) {
  return (
    <svg class="chart-sample" viewBox="0 0 20 8" width="20" height="8" aria-hidden="true">
      <line x1="0" y1="4" x2="20" y2="4" stroke={`var(${color})`} stroke-dasharray={dash?.join(" ")} />
    </svg>
  );
}

function formatSample(value: number | null | undefined, words: (value: number) => string): string {
  return value === null || value === undefined ? "–" : words(value);
}
