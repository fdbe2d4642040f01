import { NodeProcesses } from "../../cli/node-processes.ts";
import type { Running } from "../../cli/parley-folder.ts";
import { Random } from "../../support/random.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import type { FaultProxy } from "../fault-proxy.ts";
import { type FaultyRedis, REDIS_FAULTS, type RedisFaultName } from "./redis-faults.ts";
import { serverEnvironment, type Topology, type TopologyOptions } from "./topology.ts";

export interface NodeClusterOptions extends TopologyOptions {
  readonly nodes: number;
  readonly fault: RedisFaultName;
}

/** Short, so that a run sees leases end; long enough for a machine that is busy with much else. */
const LEASE_S = 3;

/** Milliseconds after which a killed node is restarted: at once, or when the others have noticed. */
const RESTART_DELAY_MS = [0, 5_000] as const;

/** Milliseconds in which every node carries out a ban (MB2), and a margin for a busy machine and a node that looks for its Redis. */
const MEMBER_DELAY_MS = 4_000;

/** How long clients continue to post after the last fault, in milliseconds. */
const SETTLE_MS = 1_500;

/** Several nodes on one Redis; the proxy assigns each connection to any of them, like a load balancer. */
export class NodeCluster implements Topology {
  kills = 0;
  drains = 0;
  strikes = 0;
  storesLost = 0;
  readonly memberDelay = MEMBER_DELAY_MS;
  readonly crashes: string[] = [];
  private readonly openedAt = performance.now();
  /** The faults of the nodes, one after the other, so that one node is always running. */
  private queue: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: NodeClusterOptions,
    private readonly store: FaultyRedis,
    private readonly nodes: NodeProcesses,
    private readonly random: Random,
    private readonly balancer: Random,
  ) {}

  static async open(options: NodeClusterOptions, proxy: FaultProxy, random: Random): Promise<NodeCluster> {
    // Random choices made when a client connects, or when a fault ends, must not change the other choices of the seed.
    const [faults, balance] = [
      new Random(random.between(0, 2 ** 31)),
      new Random(random.between(0, 2 ** 31)),
    ];
    const store = await REDIS_FAULTS[options.fault].open(options.nodes);
    const environmentOf = (node: number) => ({
      ...serverEnvironment(options),
      REDIS_URL: store.urlFor(node),
      NODE_LEASE: String(LEASE_S),
    });
    const nodes = await NodeProcesses.start(options.nodes, environmentOf).catch(async (error) => {
      await store[Symbol.asyncDispose]();
      throw error;
    });
    const stage = new NodeCluster(options, store, nodes, faults, balance);
    proxy.target = () => Number(new URL(stage.url).port);
    return stage;
  }

  get url(): string {
    return this.balancer.pick([...this.nodes.running.values()]).url;
  }

  get urls(): readonly string[] {
    return [...this.nodes.running.values()].map(({ url }) => url);
  }

  get partsMayDiffer(): boolean {
    const { loses, parts } = REDIS_FAULTS[this.options.fault];
    return loses && parts && this.strikes > 0;
  }

  mayLose(what: "kill" | "drain" | "strike"): boolean {
    return what === "strike" && REDIS_FAULTS[this.options.fault].loses;
  }

  elapsed(): number {
    return performance.now() - this.openedAt;
  }

  kill(): Promise<void> {
    return this.enqueue(async () => {
      this.kills++;
      const index = this.random.between(0, this.options.nodes - 1);
      const { signalCode, exitCode } = await this.nodes.stop(index, "SIGKILL");
      if (signalCode !== "SIGKILL") this.crashes.push(`a node ended with ${exitCode} before it was killed`);
      await Bun.sleep(this.random.between(...RESTART_DELAY_MS));
      await this.nodes.start(index);
    });
  }

  drain(): Promise<void> {
    return this.enqueue(async () => {
      this.drains++;
      const index = this.random.between(0, this.options.nodes - 1);
      const { exitCode } = await this.nodes.stop(index, "SIGTERM");
      if (exitCode !== 0) this.crashes.push(`a node ended with ${exitCode} at SIGTERM`);
      await this.nodes.start(index);
    });
  }

  /** Injects this run's fault into the store. */
  strike(): Promise<void> {
    return this.enqueue(async () => {
      this.strikes++;
      await this.store.strike?.(this.random);
    });
  }

  faultsEnded(): Promise<void> {
    return this.queue;
  }

  async waitUntilHealthy(): Promise<void> {
    await this.queue;
    await waitUntil("every node is ready", async () =>
      (await Promise.all([...this.nodes.running.values()].map(isReady))).every(Boolean),
    ).catch((error) => this.crashes.push(String(error)));
    // Messages posted after the last fault have to arrive too.
    await Bun.sleep(SETTLE_MS);
    if (REDIS_FAULTS[this.options.fault].loses)
      this.storesLost = (await this.store.losses?.()) ?? this.strikes;
    for (const { process, output } of this.nodes.running.values()) {
      const { stdout, stderr } = output();
      if (process.exitCode !== null)
        this.crashes.push(`a node ended by itself with ${process.exitCode}: ${stderr.slice(-500)}`);
      const faults = stdout
        .split("\n")
        .filter((line) => /"event":"(connection.failed|request.failed|process.uncaught_error)"/.test(line));
      this.crashes.push(...faults.map((line) => `a node met a fault of its own: ${line}`));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue;
    await this.nodes[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** Returns at once: other nodes continue while one is stopped. */
  private async enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work).catch((error) => {
      this.crashes.push(`the stage broke: ${error}`);
    });
  }
}

async function isReady({ url }: Running): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).ok;
}
