import { ParleyFolder } from "../../cli/parley-folder.ts";
import type { Random } from "../../support/random.ts";
import type { FaultProxy } from "../fault-proxy.ts";
import { STEP_TIMEOUT_MS } from "../timeouts.ts";
import { NodeCluster } from "./node-cluster.ts";
import type { RedisFaultName } from "./redis-faults.ts";
import { SingleServer, type Topology, type TopologyOptions } from "./topology.ts";

export interface ServerOptions extends TopologyOptions {
  /** The program that is the server; the command line itself without it. */
  readonly program?: string;
  /** Nodes that share a Redis, and the fault injected into it; one server with its embedded store without them. */
  readonly nodes?: { readonly count: number; readonly fault: RedisFaultName };
}

const POLL_INTERVAL_MS = 20;

/** Starts the servers of a run behind `proxy`. */
export async function openTopology(
  { nodes, program, ...rest }: ServerOptions,
  proxy: FaultProxy,
  random: Random,
): Promise<Topology> {
  if (nodes !== undefined)
    return NodeCluster.open({ ...rest, nodes: nodes.count, fault: nodes.fault }, proxy, random);
  const topology = new SingleServer(new ParleyFolder(program), proxy, rest);
  await topology.open();
  return topology;
}

/** Waits until `holds`, but not for ever: the checker reports what is missing. */
export async function waitFor(
  holds: () => boolean | Promise<boolean>,
  timeout = STEP_TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await holds()) && performance.now() < deadline) await Bun.sleep(POLL_INTERVAL_MS);
}
