import { type Distribution, formatMs, roundedJson } from "../stats/distribution.ts";
import { progressBar } from "../terminal/progress-line.ts";
import type { SecondStats, Totals } from "./counters.ts";
import type { BenchPlan } from "./plan.ts";

/** The server and user of a run. */
export interface BenchTarget {
  readonly server: string;
  readonly user: string;
  /** Returns the conversation of a client, by its number from 0. */
  readonly conversationOf: (client: number) => string;
}

/** Formats the results for people. */
export function reportText(plan: BenchPlan, target: BenchTarget, totals: Totals): string {
  const { clients, size, rate, inFlight, together } = plan;
  const { sent, acked, seconds, throughput, times, errors, latest } = totals;
  const { server, user, conversationOf } = target;
  const loop =
    rate === undefined
      ? `up to ${inFlight} unacked for each`
      : `${rate} a second in all, each timed from when it was due`;
  const last = together || clients === 1 ? "" : ` to ${conversationOf(clients - 1)}`;
  const failed = Object.entries(errors).map(([code, count]) => `${count} ${code}`);
  const rows = [
    ["server", `${server}, as ${user}, in ${conversationOf(0)}${last}`],
    ["load", `${clients} client${clients === 1 ? "" : "s"}, ${size} bytes a message, ${loop}`],
    ["sent", `${sent}`],
    ["acked", `${acked} in ${seconds.toFixed(2)} s: ${formatRate(throughput)} a second`],
    ["ack time", times === undefined ? "–" : formatTimes(times)],
    // If this program itself sends late, the results measure this program, not the server.
    ...(rate === undefined ? [] : [["late", `this program sent at most ${formatMs(latest)} late`]]),
    ["not acked", failed.length === 0 ? "none" : failed.join(", ")],
  ];
  return rows.map(([name, text]) => `${name!.padEnd(9)}  ${text}`).join("\n");
}

function formatTimes({ p50, p90, p99, p999, max }: Distribution): string {
  return Object.entries({ p50, p90, p99, "p99.9": p999, max })
    .map(([name, time]) => `${name} ${formatMs(time)}`)
    .join(", ");
}

/** Formats the results as JSON; times in milliseconds. */
export function reportJson(plan: BenchPlan, { server, user }: BenchTarget, totals: Totals): string {
  const { clients, size, rate = null, inFlight } = plan;
  const { sent, acked, seconds, throughput, times = null, errors, latest } = totals;
  const load = { clients, size, rate, in_flight: rate === null ? inFlight : null };
  const figures = { sent, acked, seconds, throughput, milliseconds: times, late: latest, errors };
  return roundedJson({ server, user, ...load, ...figures }, 2);
}

const COLUMNS = "second,sent,acked,errors,p50_ms,p90_ms,p99_ms,p99.9_ms,max_ms";

/** Formats a run as comma-separated values: a header row, then a row for each second. Without acks the times are empty. */
export function reportCsv(seconds: readonly SecondStats[]): string {
  const rows = seconds.map(({ second, sent, acked, errors, times }) => {
    const { p50, p90, p99, p999, max } = times ?? {};
    const cells = [p50, p90, p99, p999, max].map((time) => time?.toFixed(3) ?? "");
    return [second, sent, acked, errors, ...cells].join(",");
  });
  return `${[COLUMNS, ...rows].join("\n")}\n`;
}

/** Returns the progress (`share`: 0–1) on one line. */
export function progressText(share: number, acked: number, seconds: number, failed: number): string {
  const rate = seconds === 0 ? 0 : acked / seconds;
  return `${progressBar(share)}  ${acked} acked, ${formatRate(rate)} a second${failed === 0 ? "" : `, ${failed} not`}`;
}

/** Formats a rate with three digits. */
function formatRate(rate: number): string {
  return rate < 100 ? rate.toPrecision(3) : Math.round(rate).toLocaleString("en");
}
