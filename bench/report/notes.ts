import { type Case, isSignIn, isSlow } from "../cases.ts";
import type {
  Counted,
  LoadResult,
  ResumeResult,
  SlowResult,
  TokenResult,
  TrafficResult,
} from "../load-generator.ts";
import { median } from "../median.ts";

/** From this share of its core on, the load and not the server sets the pace. */
const SATURATED_SHARE = 0.95;

/** From this share of a core on, used by neither server nor load nor store, the rates are too low. */
const DISTURBED_SHARE = 0.1;

/** Echoes a second that the load must reach with the bare relay, or it is too slow to measure the others. */
export const MIN_CONTROL_ECHOES_PER_S = 400_000;

/** Remarks on the figures of one peer: deviations in delivery, and whether the server was the limit. */
export function noteOn(kase: Case, results: readonly LoadResult[], control: number): string {
  const resumes = results.flatMap((result) => ("resumeP99" in result ? [result] : []));
  if (resumes.length > 0) return resumeNote(resumes);
  const slow = results.filter(isSlow);
  if (slow.length > 0) return slowReaderNote(slow);
  const signIns = results.filter(isSignIn);
  if (signIns.length > 0) return signInNote(signIns);
  const traffic = results.flatMap((result) => ("delivered" in result ? [result] : []));
  if (traffic.length === 0) return "";
  if (kase.load.rate !== undefined) return latencyNote(traffic);
  return trafficNote(traffic, control);
}

function trafficNote(results: readonly TrafficResult[], control: number): string {
  const [server, load, store] = [
    medianOf(results, "serverBusy"),
    medianOf(results, "loadBusy"),
    medianOf(results, "storeBusy"),
  ];
  const busy = `server ${percent(server)}, load ${percent(load)}${store > 0 ? `, Redis ${percent(store)}` : ""} busy`;
  const limited = load + store >= SATURATED_SHARE && server < SATURATED_SHARE ? "; LIMITED BY THE LOAD" : "";
  const slow =
    control < MIN_CONTROL_ECHOES_PER_S
      ? `; LIMITED BY THE LOAD, it reached ${Math.round(control / 1000)} k echoes a second only`
      : "";
  return `${deviationsNote(results)}; ${busy}${limited || slow}${disturbanceNote(results)}`;
}

function latencyNote(results: readonly TrafficResult[]): string {
  const sendDelay = latency(results, "sentLate");
  const shares = `p50 ${latency(results, "p50")}, p99.9 ${latency(results, "p999")}`;
  const server = percent(medianOf(results, "serverBusy"));
  const limited = results.some(({ latency }) => latency !== undefined && latency.sentLate > latency.p99 / 2);
  return `${shares}; ${deviationsNote(results)}; server ${server} busy, 99 % sent within ${sendDelay} of being due${limited ? "; LIMITED BY THE LOAD" : ""}${disturbanceNote(results)}`;
}

function slowReaderNote(results: readonly SlowResult[]): string {
  const before = latency(
    results.map(({ windows = [] }) => windows[0]!),
    "p99",
  );
  const memory = median(results.map(({ memoryBefore, memoryMost }) => memoryMost - memoryBefore)) / 1e6;
  const one = results[0]!;
  const closeCode = one.closeCode === 0 ? "" : ` (${one.closeCode})`;
  const receivedPercent = Math.round(
    median(results.map(({ received, addressed }) => received / addressed)) * 100,
  );
  const fate = one.cut
    ? `cut${closeCode} with ${receivedPercent} % of its messages`
    : `kept, and given ${receivedPercent} % later`;
  const others = `p99 ${before} before, p99.9 ${latency(results, "p999")} meanwhile`;
  return `${others}; the slow one was ${fate}; server memory +${Math.max(0, Math.round(memory))} MB; ${deviationsNote(results)}${disturbanceNote(results)}`;
}

function signInNote(results: readonly TokenResult[]): string {
  const before = results.map(({ windows = [] }) => windows[0]!);
  const pair = (windows: readonly Counted[]) =>
    `p50 ${latency(windows, "p50")}, p99 ${latency(windows, "p99")}`;
  return `the pair: ${pair(before)} before, ${pair(results)} meanwhile; ${deviationsNote(results)}${disturbanceNote(results)}`;
}

function resumeNote(results: readonly ResumeResult[]): string {
  const p99 = (field: "quietP99" | "resumeP99") =>
    `${median(results.map((result) => result[field])).toPrecision(2)} ms`;
  const live = median(results.flatMap((result) => result.liveAfter)) / 1000;
  return `p99 ${p99("quietP99")} quiet, ${p99("resumeP99")} meanwhile; all live after ${live.toFixed(1)} s; ${deviationsNote(results)}${disturbanceNote(results)}`;
}

function latency(results: readonly Counted[], field: "p50" | "p99" | "p999" | "sentLate"): string {
  const values = results.flatMap(({ latency }) => (latency === undefined ? [] : [latency[field]]));
  return `${Number(median(values).toPrecision(2))} ms`;
}

function medianOf(results: readonly Counted[], field: "serverBusy" | "loadBusy" | "storeBusy"): number {
  return median(results.map((result) => result[field]));
}

function disturbanceNote(results: readonly { readonly othersBusy: number }[]): string {
  const others = median(results.map((result) => result.othersBusy));
  return others >= DISTURBED_SHARE ? `; DISTURBED, others used ${percent(others)} of a core` : "";
}

function deviationsNote(results: readonly Pick<ResumeResult, "lost" | "doubled" | "outOfOrder">[]): string {
  const sum = (field: "lost" | "doubled" | "outOfOrder") =>
    results.reduce((total, result) => total + result[field], 0);
  const sums = [sum("lost"), sum("doubled"), sum("outOfOrder")];
  if (sums.every((each) => each === 0)) return "all delivered once, in order";
  return `${sums[0]} lost, ${sums[1]} doubled, ${sums[2]} out of order`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
