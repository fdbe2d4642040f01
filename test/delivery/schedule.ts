import type { Random } from "../support/random.ts";
import type { ConnectionFault, FaultProxy } from "./fault-proxy.ts";

export interface ScheduleOptions {
  /** How long the clients talk. */
  readonly seconds: number;
  /** How often, in that time, the server is killed with -9, is told to stop, and a line is cut. */
  readonly kills: number;
  readonly drains: number;
  readonly cuts: number;
  /** How often the store of many nodes suffers what the run is about. */
  readonly strikes?: number;
}

/** Faults that cost a client its line, or may. */
export type Cut = Exclude<ConnectionFault, "delay">;

/** Milliseconds that a stall lasts (the longest outlive a client's patience), and a delay is. */
const STALL_MS = [100, 2_500] as const;
const DELAY_MS = [5, 60] as const;

export interface ScheduledEvent {
  readonly at: number;
  readonly what: "kill" | "drain" | "strike" | "cut";
}

/** When what happens, in milliseconds for which a server stood. Its ends are spread over the time, and some come at once. */
export function schedule(
  { seconds, kills, drains, cuts, strikes = 0 }: ScheduleOptions,
  random: Random,
): ScheduledEvent[] {
  const ends: ScheduledEvent["what"][] = [
    ...Array<"kill">(kills).fill("kill"),
    ...Array<"drain">(drains).fill("drain"),
    ...Array<"strike">(strikes).fill("strike"),
  ];
  const share = (seconds * 1000) / Math.max(1, ends.length);
  const shuffled = ends.map((what) => ({ what, key: random.next() })).sort((a, b) => a.key - b.key);
  return [
    ...shuffled.map(({ what }, i) => ({ at: (i + random.next()) * share, what })),
    ...Array.from({ length: cuts }, () => ({ at: random.next() * seconds * 1000, what: "cut" as const })),
  ].sort((a, b) => a.at - b.at);
}

/** Does something to one sound line, and often a delay to another; answers the cut. */
export function injectConnectionFault(proxy: FaultProxy, random: Random): Cut | undefined {
  const healthy = [...proxy.connections].filter((line) => line.healthy);
  if (healthy.length === 0) return undefined;
  const cut = random.pick(["reset", "reset", "half-open", "stall"] as const);
  random.pick(healthy).inject(cut, random.between(...STALL_MS));
  const left = healthy.filter((line) => line.healthy);
  if (left.length > 0 && random.next() < 0.5) random.pick(left).inject("delay", random.between(...DELAY_MS));
  return cut;
}
