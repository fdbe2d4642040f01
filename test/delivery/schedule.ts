import type { Random } from "../support/random.ts";
import type { ConnectionFault, FaultProxy } from "./fault-proxy.ts";

export interface ScheduleOptions {
  /** How long the clients post. */
  readonly seconds: number;
  /** How often, in that time, the server is killed with -9, stopped, and a connection is cut. */
  readonly kills: number;
  readonly drains: number;
  readonly cuts: number;
  /** How often the fault is injected into the store of many nodes. */
  readonly strikes?: number;
}

/** Faults that cost a client its connection, or may. */
export type Cut = Exclude<ConnectionFault, "delay">;

/** Length in milliseconds of a stall (the longest exceed a client's timeout), and of a delay. */
const STALL_MS = [100, 2_500] as const;
const DELAY_MS = [5, 60] as const;

export interface ScheduledEvent {
  readonly at: number;
  readonly what: "kill" | "drain" | "strike" | "cut";
}

/**
 * The times of the faults, in milliseconds of a running server. Its ends are spread over the time, and some come at
 * once.
 */
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

/** Injects a fault into one healthy connection, and often a delay into another; returns the cut. */
export function injectConnectionFault(proxy: FaultProxy, random: Random): Cut | undefined {
  const healthy = [...proxy.connections].filter((line) => line.healthy);
  if (healthy.length === 0) return undefined;
  const cut = random.pick(["reset", "reset", "half-open", "stall"] as const);
  random.pick(healthy).inject(cut, random.between(...STALL_MS));
  const left = healthy.filter((line) => line.healthy);
  if (left.length > 0 && random.next() < 0.5) random.pick(left).inject("delay", random.between(...DELAY_MS));
  return cut;
}
