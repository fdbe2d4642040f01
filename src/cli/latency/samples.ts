import { type Distribution, distribution, formatMs } from "../stats/distribution.ts";

/** The result of one request: the milliseconds until its reply, or why it is lost. */
export type Sample = { readonly milliseconds: number } | { readonly lost: string };

/** The summary of a series. */
export interface LatencySummary {
  readonly sent: number;
  readonly answered: number;
  /** Share of lost requests, from 0 to 1. */
  readonly loss: number;
  /** Milliseconds; undefined without a reply. */
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

/** Formats one sample on a line, like ping(8); `number` counts from 1. */
export function formatSample(number: number, sample: Sample): string {
  return "lost" in sample
    ? `${number}: no reply (${sample.lost})`
    : `${number}: ${formatMs(sample.milliseconds)}`;
}

/** Returns the lines of the summary. */
export function formatSummary({ sent, answered, loss, times }: LatencySummary): readonly string[] {
  const percent = Number((loss * 100).toFixed(1));
  const first = `${sent} sent, ${answered} answered, ${percent} % lost`;
  if (times === undefined) return [first];
  const { min, mean, p99, max } = times;
  return [first, `min/avg/p99/max = ${[min, mean, p99, max].map(formatMs).join(" / ")}`];
}
