import { type Distribution, formatMs, roundedJson } from "../stats/distribution.ts";
import type { SecondStats, Totals } from "./counters.ts";
import type { BenchPlan } from "./plan.ts";

/** Where a run was, and as whom. */
export interface BenchTarget {
  readonly server: string;
  readonly user: string;
  /** Names the conversation of a client, by its number from 0. */
  readonly conversationOf: (client: number) => string;
}

/** A run's figures for people. */
export function reportText(plan: BenchPlan, target: BenchTarget, totals: Totals): string {
  const { clients, size, rate, inFlight, together } = plan;
  const { sent, acked, seconds, throughput, times, errors, latest } = totals;
  const { server, user, conversationOf } = target;
  const loop =
    rate === undefined
      ? `${inFlight} under way for each`
      : `${rate} a second in all, each timed from when it was due`;
  const last = together || clients === 1 ? "" : ` to ${conversationOf(clients - 1)}`;
  const failed = Object.entries(errors).map(([code, count]) => `${count} ${code}`);
  const rows = [
    ["server", `${server}, as ${user}, in ${conversationOf(0)}${last}`],
    ["load", `${clients} client${clients === 1 ? "" : "s"}, ${size} bytes a message, ${loop}`],
    ["sent", `${sent}`],
    ["acked", `${acked} in ${seconds.toFixed(2)} s: ${formatRate(throughput)} a second`],
    ["ack time", times === undefined ? "–" : formatTimes(times)],
    // A bench that cannot keep its own times measures itself.
    ...(rate === undefined ? [] : [["late", `at most ${formatMs(latest)} behind the time, at this end`]]),
    ["not acked", failed.length === 0 ? "none" : failed.join(", ")],
  ];
  return rows.map(([name, text]) => `${name!.padEnd(9)}  ${text}`).join("\n");
}

function formatTimes({ p50, p90, p99, p999, max }: Distribution): string {
  return Object.entries({ p50, p90, p99, "p99.9": p999, max })
    .map(([name, time]) => `${name} ${formatMs(time)}`)
    .join(", ");
}

/** A run's figures for programs: times in milliseconds. */
export function reportJson(plan: BenchPlan, { server, user }: BenchTarget, totals: Totals): string {
  const { clients, size, rate = null, inFlight } = plan;
  const { sent, acked, seconds, throughput, times = null, errors, latest } = totals;
  const load = { clients, size, rate, in_flight: rate === null ? inFlight : null };
  const figures = { sent, acked, seconds, throughput, milliseconds: times, late: latest, errors };
  return roundedJson({ server, user, ...load, ...figures }, 2);
}

const COLUMNS = "second,sent,acked,errors,p50_ms,p90_ms,p99_ms,p99.9_ms,max_ms";

/** A run as comma-separated values: a row for each second, under a row of names. Without acks the times are empty. */
export function reportCsv(seconds: readonly SecondStats[]): string {
  const rows = seconds.map(({ second, sent, acked, errors, times }) => {
    const { p50, p90, p99, p999, max } = times ?? {};
    const cells = [p50, p90, p99, p999, max].map((time) => time?.toFixed(3) ?? "");
    return [second, sent, acked, errors, ...cells].join(",");
  });
  return `${[COLUMNS, ...rows].join("\n")}\n`;
}

/** How wide the bar is, in characters. */
const BAR_WIDTH = 24;

/** How far a run is (0–1), on one line. */
export function progressText(share: number, acked: number, seconds: number, failed: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  const rate = seconds === 0 ? 0 : acked / seconds;
  const percent = Math.floor(Math.min(1, share) * 100);
  return `${bar} ${percent} %  ${acked} acked, ${formatRate(rate)} a second${failed === 0 ? "" : `, ${failed} not`}`;
}

/** Three figures are enough. */
function formatRate(rate: number): string {
  return rate < 100 ? rate.toPrecision(3) : Math.round(rate).toLocaleString("en");
}
