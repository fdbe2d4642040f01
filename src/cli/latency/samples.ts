import { type Distribution, distribution, formatMs } from "../stats/distribution.ts";

/** What became of one request: the milliseconds until its answer, or why there was none. */
export type Sample = { readonly milliseconds: number } | { readonly lost: string };

/** What a series came to. */
export interface LatencySummary {
  readonly sent: number;
  readonly answered: number;
  /** Share of what was not answered, from 0 to 1. */
  readonly loss: number;
  /** Milliseconds; undefined where nothing was answered. */
  readonly times: Distribution | undefined;
}

export function summarize(samples: readonly Sample[]): LatencySummary {
  const times = samples.flatMap((sample) => ("milliseconds" in sample ? [sample.milliseconds] : []));
  return {
    sent: samples.length,
    answered: times.length,
    loss: samples.length === 0 ? 0 : 1 - times.length / samples.length,
    times: distribution(times),
  };
}

/** One sample on a line, as ping(8) writes it; `number` counts from 1. */
export function formatSample(number: number, sample: Sample): string {
  return "lost" in sample
    ? `${number}: no answer (${sample.lost})`
    : `${number}: ${formatMs(sample.milliseconds)}`;
}

/** The lines at the end of a series. */
export function formatSummary({ sent, answered, loss, times }: LatencySummary): readonly string[] {
  const percent = Number((loss * 100).toFixed(1));
  const first = `${sent} sent, ${answered} answered, ${percent} % lost`;
  if (times === undefined) return [first];
  const { min, mean, p99, max } = times;
  return [first, `min/avg/p99/max = ${[min, mean, p99, max].map(formatMs).join(" / ")}`];
}
