import type { Random } from "../support/random.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import { injectConnectionFault, type ScheduleOptions, schedule } from "./schedule.ts";
import { waitFor } from "./topology/open-topology.ts";
import type { Topology } from "./topology/topology.ts";

export interface FaultOptions extends ScheduleOptions {
  /** What clients finish at least while everything happens: a busy machine takes longer for it. */
  readonly least: number;
}

/** Injects the faults of a schedule, each at its time and not before the part of `least` that is due then was `finished`. */
export async function injectFaults(
  options: FaultOptions,
  { random, proxy, topology }: { random: Random; proxy: FaultProxy; topology: Topology },
  finished: () => number,
): Promise<void> {
  const { seconds, least } = options;
  const reach = async (at: number) => {
    await Bun.sleep(Math.max(0, at - topology.elapsed()));
    await waitFor(() => finished() >= (least * at) / (seconds * 1000));
  };
  for (const { at, what } of schedule(options, random)) {
    await reach(at);
    if (what === "cut") injectConnectionFault(proxy, random);
    else await topology[what]();
  }
  await reach(seconds * 1000);
  await topology.waitUntilHealthy();
}
